use std::sync::Arc;

use super::{Column, Days};
use crate::Dimension;

/// Order lines, by date. A column that has not been read is empty. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) days: Arc<Days>,
    /// Of each dimension, in the order of [`Dimension::ALL`].
    pub(crate) names: [Codes; Dimension::ALL.len()],
    /// Which order a line belongs to, where the data says so: any number, the same for all its lines.
    pub(crate) order: Option<Arc<Column>>,
    pub(crate) units: Arc<Column>,
    /// In ten-thousandths.
    pub(crate) revenue: Arc<Column>,
}

/// A column of names, as codes of its [`Names`](super::Names).
#[derive(Clone, Debug)]
pub(crate) enum Codes {
    /// All order lines have the name of code 0.
    One,
    Each(Arc<Column>),
}

impl Default for Codes {
    fn default() -> Self {
        Self::Each(Arc::default())
    }
}

impl Codes {
    /// Counts the order lines of each of so many names.
    pub(super) fn counts(&self, names: usize, rows: usize) -> Vec<u64> {
        let mut lines = vec![0_u64; names];
        match self {
            Self::Each(codes) => codes.for_each(|code| {
                let lines = usize::try_from(code).ok().and_then(|code| lines.get_mut(code));
                lines.into_iter().for_each(|lines| *lines += 1);
            }),
            Self::One => lines.iter_mut().take(1).for_each(|lines| *lines = rows as u64),
        }
        lines
    }
}

impl Columns {
    pub(crate) fn codes(&self, dimension: Dimension) -> &Codes {
        &self.names[dimension as usize]
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let codes = self.names.iter().map(|codes| match codes {
            Codes::One => 0,
            Codes::Each(codes) => codes.heap_bytes(),
        });
        let order = self.order.as_ref().map_or(0, |order| order.heap_bytes());
        let sums = self.units.heap_bytes() + self.revenue.heap_bytes();
        self.days.heap_bytes() + codes.sum::<usize>() + order + sums
    }
}
