use std::{panic::resume_unwind, sync::Arc, thread};

use super::{Names, scan::ROWS_PER_THREAD};
use crate::{Date, Dimension, Money};

/// One entry per order line in each column, by date. A column that has not been read is empty. Clones share
/// them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) date: Arc<Vec<Date>>,
    /// Of each dimension, in the order of [`Dimension::ALL`].
    pub(crate) names: [Codes; Dimension::ALL.len()],
    /// Which order a line belongs to, where the data says so: any number, the same for all its lines.
    pub(crate) order: Option<Arc<Vec<u32>>>,
    pub(crate) units: Arc<Vec<i32>>,
    pub(crate) revenue: Arc<Vec<Money>>,
}

/// A column of names, as codes of its [`Names`].
#[derive(Clone, Debug)]
pub(crate) enum Codes {
    /// All order lines have the name of code 0.
    One,
    Each(Arc<Vec<u32>>),
}

impl Default for Codes {
    fn default() -> Self {
        Self::Each(Arc::default())
    }
}

/// In which order rows come when they are sorted by date.
#[derive(Clone, Debug)]
pub(crate) struct ByDate(Option<Vec<u32>>);

impl ByDate {
    /// Those of a day stay in the order that they are in.
    pub(crate) fn of(dates: &[Date]) -> Self {
        Self((!dates.is_sorted()).then(|| {
            let mut order: Vec<u32> = (0..).take(dates.len()).collect();
            order.sort_by_key(|&row| dates[row as usize]);
            order
        }))
    }

    /// Needs the memory of the column once more.
    pub(crate) fn sort<T: Copy>(&self, column: Vec<T>) -> Arc<Vec<T>> {
        let mut column = match &self.0 {
            Some(order) if !column.is_empty() => {
                order.iter().map(|&row| column[row as usize]).collect()
            }
            _ => column,
        };
        column.shrink_to_fit();
        Arc::new(column)
    }
}

impl Codes {
    /// Counts the order lines of each of so many names.
    pub(crate) fn counts(&self, names: usize, rows: usize) -> Vec<u64> {
        let mut lines = vec![0_u64; names];
        match self {
            Self::Each(codes) => codes.iter().for_each(|&code| lines[code as usize] += 1),
            Self::One => lines.iter_mut().take(1).for_each(|lines| *lines = rows as u64),
        }
        lines
    }
}

impl Columns {
    pub(crate) fn codes(&self, dimension: Dimension) -> &Codes {
        &self.names[dimension as usize]
    }

    /// Counts the order lines of each name of each dimension, a thread for each column of codes.
    pub(super) fn counts(&self, names: &[Names; Dimension::ALL.len()]) -> Vec<Vec<u64>> {
        let rows = self.date.len();
        thread::scope(|scope| {
            let counts: Vec<_> = names
                .iter()
                .zip(&self.names)
                .map(|(names, codes)| match codes {
                    Codes::Each(each) if each.len() >= ROWS_PER_THREAD => {
                        Ok(scope.spawn(move || codes.counts(names.len(), rows)))
                    }
                    codes => Err(codes.counts(names.len(), rows)),
                })
                .collect();
            let counts = counts.into_iter().map(|count| match count {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(count) => count,
            });
            counts.collect()
        })
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let codes = self.names.iter().map(|codes| match codes {
            Codes::One => 0,
            Codes::Each(codes) => codes.capacity(),
        });
        let codes = codes.sum::<usize>() + self.order.as_ref().map_or(0, |order| order.capacity());
        size_of::<Date>() * self.date.capacity()
            + size_of::<u32>() * codes
            + size_of::<i32>() * self.units.capacity()
            + size_of::<Money>() * self.revenue.capacity()
    }
}
