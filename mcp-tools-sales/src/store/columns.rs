use std::{panic::resume_unwind, thread};

use super::{Names, scan::ROWS_PER_THREAD};
use crate::{Date, Dimension, Money};

/// One entry per order line in each column, by date.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) date: Vec<Date>,
    /// Of each dimension, in the order of [`Dimension::ALL`].
    pub(crate) names: [Codes; Dimension::ALL.len()],
    /// Which order a line belongs to, where the data says so: any number, the same for all its lines.
    pub(crate) order: Option<Vec<u32>>,
    pub(crate) units: Vec<i32>,
    pub(crate) revenue: Vec<Money>,
}

/// A column of names, as codes of its [`Names`].
#[derive(Debug)]
pub(crate) enum Codes {
    /// All order lines have the name of code 0.
    One,
    Each(Vec<u32>),
}

impl Default for Codes {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl Columns {
    pub(crate) fn codes(&self, dimension: Dimension) -> &Codes {
        &self.names[dimension as usize]
    }

    /// Counts the order lines of each name of each dimension, a thread for each column of codes.
    pub(super) fn counts(&self, names: &[Names; Dimension::ALL.len()]) -> Vec<Vec<u64>> {
        thread::scope(|scope| {
            let counts: Vec<_> = names
                .iter()
                .zip(&self.names)
                .map(|(names, codes)| match codes {
                    Codes::Each(codes) if codes.len() >= ROWS_PER_THREAD => {
                        Ok(scope.spawn(move || count(codes, names.len())))
                    }
                    Codes::Each(codes) => Err(count(codes, names.len())),
                    Codes::One if names.is_empty() => Err(Vec::new()),
                    Codes::One => Err(vec![self.date.len() as u64]),
                })
                .collect();
            let counts = counts.into_iter().map(|count| match count {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(count) => count,
            });
            counts.collect()
        })
    }

    /// Puts the rows in the order of their dates; those of a day stay as they are. Needs the memory
    /// of one more column, and four bytes a row.
    pub(super) fn sort(&mut self) {
        if self.date.is_sorted() {
            return;
        }
        let mut order: Vec<u32> = (0..).take(self.date.len()).collect();
        order.sort_by_key(|&row| self.date[row as usize]);
        fn permute<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
            *column = order.iter().map(|&row| column[row as usize]).collect();
        }
        permute(&mut self.date, &order);
        for codes in &mut self.names {
            if let Codes::Each(codes) = codes {
                permute(codes, &order);
            }
        }
        if let Some(orders) = &mut self.order {
            permute(orders, &order);
        }
        permute(&mut self.units, &order);
        permute(&mut self.revenue, &order);
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.date.shrink_to_fit();
        for codes in &mut self.names {
            if let Codes::Each(codes) = codes {
                codes.shrink_to_fit();
            }
        }
        if let Some(order) = &mut self.order {
            order.shrink_to_fit();
        }
        self.units.shrink_to_fit();
        self.revenue.shrink_to_fit();
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let codes = self.names.iter().map(|codes| match codes {
            Codes::One => 0,
            Codes::Each(codes) => codes.capacity(),
        });
        let codes = codes.sum::<usize>() + self.order.as_ref().map_or(0, Vec::capacity);
        size_of::<Date>() * self.date.capacity()
            + size_of::<u32>() * codes
            + size_of::<i32>() * self.units.capacity()
            + size_of::<Money>() * self.revenue.capacity()
    }
}

fn count(codes: &[u32], names: usize) -> Vec<u64> {
    let mut lines = vec![0_u64; names];
    for &code in codes {
        lines[code as usize] += 1;
    }
    lines
}
