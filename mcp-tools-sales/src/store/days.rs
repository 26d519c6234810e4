//! On which days rows are.

use std::sync::Arc;

use super::Column;
use crate::Date;

/// The days of rows that are sorted by day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Days {
    days: Vec<Date>,
    /// The first row after those of each day.
    ends: Vec<usize>,
}

/// The days of rows as files have them.
#[derive(Clone, Debug)]
pub(crate) enum Dates {
    Sorted(Days),
    /// Days since 1970-01-01.
    Mixed(Column),
}

/// In which order rows come when they are sorted by date.
#[derive(Clone, Debug)]
pub(crate) struct ByDate(Option<Vec<u32>>);

impl Days {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The first and the last day, if there are rows.
    pub(crate) fn period(&self) -> Option<(Date, Date)> {
        Some((*self.days.first()?, *self.days.last()?))
    }

    /// The day of a row.
    pub(crate) fn of(&self, row: usize) -> Option<Date> {
        self.days.get(self.ends.partition_point(|end| *end <= row)).copied()
    }

    /// How many rows are before a day.
    pub(crate) fn before(&self, day: Date) -> usize {
        let days = self.days.partition_point(|other| *other < day);
        days.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// How many rows are on a day or before.
    pub(crate) fn until(&self, day: Date) -> usize {
        let days = self.days.partition_point(|other| *other <= day);
        days.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// Adds rows of the last day or a later one.
    fn push(&mut self, day: Date, rows: usize) {
        let end = self.rows() + rows;
        match self.ends.last_mut() {
            Some(last) if self.days.last() == Some(&day) => *last = end,
            _ => {
                self.days.push(day);
                self.ends.push(end);
            }
        }
    }

    /// Each day, and how many rows it has.
    fn iter(&self) -> impl Iterator<Item = (Date, usize)> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        self.days.iter().zip(starts.zip(&self.ends)).map(|(day, (start, end))| (*day, end - start))
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Date>() * self.days.capacity() + size_of::<usize>() * self.ends.capacity()
    }
}

impl Default for Dates {
    fn default() -> Self {
        Self::Sorted(Days::default())
    }
}

impl Dates {
    pub(crate) fn of(dates: &[Date]) -> Self {
        if dates.is_sorted() {
            let mut days = Days::default();
            dates.chunk_by(|a, b| a == b).for_each(|rows| days.push(rows[0], rows.len()));
            return Self::Sorted(days);
        }
        let dates: Vec<i32> = dates.iter().map(|date| date.epoch_days()).collect();
        let mut column = Column::default();
        column.push(&dates);
        Self::Mixed(column)
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Sorted(days) => days.rows(),
            Self::Mixed(dates) => dates.len(),
        }
    }

    /// Adds the rows that follow.
    pub(crate) fn append(&mut self, other: Self) {
        let other = match (&mut *self, other) {
            (Self::Sorted(days), Self::Sorted(other))
                if days.period().is_none_or(|(_, last)| {
                    other.period().is_none_or(|(first, _)| last <= first)
                }) =>
            {
                return other.iter().for_each(|(day, rows)| days.push(day, rows));
            }
            (_, other) => other.into_column(),
        };
        let mut dates = std::mem::take(self).into_column();
        dates.append(other);
        *self = Self::Mixed(dates);
    }

    /// The rows but for some, which are given in order.
    pub(crate) fn without(self, rows: &[usize]) -> Self {
        match self {
            Self::Mixed(dates) => Self::Mixed(dates.without(rows)),
            Self::Sorted(days) => {
                let (mut kept, mut start, mut rest) = (Days::default(), 0, rows);
                for (day, rows) in days.iter() {
                    start += rows;
                    let (gone, later) = rest.split_at(rest.partition_point(|row| *row < start));
                    rest = later;
                    if gone.len() < rows {
                        kept.push(day, rows - gone.len());
                    }
                }
                Self::Sorted(kept)
            }
        }
    }

    /// The days of the rows when they are sorted, and in which order they are then: those of a day stay as
    /// they are.
    pub(crate) fn sorted(self) -> (Arc<Days>, ByDate) {
        let dates = match self {
            Self::Sorted(days) => return (Arc::new(days), ByDate(None)),
            Self::Mixed(dates) => dates,
        };
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        dates.for_each(|day| (first, last) = (first.min(day), last.max(day)));
        let place = |day: i64| usize::try_from(day - first).unwrap_or(0);
        let mut counts = vec![0_usize; if first <= last { place(last) + 1 } else { 0 }];
        dates.for_each(|day| counts[place(day)] += 1);
        let (mut days, mut next) = (Days::default(), counts);
        let mut start = 0;
        for (day, count) in (first..).zip(&mut next) {
            let day = i32::try_from(day).ok().and_then(Date::from_epoch_days);
            if let Some(day) = day.filter(|_| *count > 0) {
                days.push(day, *count);
            }
            start += std::mem::replace(count, start);
        }
        let mut order = vec![0_u32; dates.len()];
        let mut row = 0..;
        dates.for_each(|day| {
            let next = &mut next[place(day)];
            order[*next] = row.next().unwrap_or(u32::MAX);
            *next += 1;
        });
        (Arc::new(days), ByDate(Some(order)))
    }

    fn into_column(self) -> Column {
        match self {
            Self::Mixed(dates) => dates,
            Self::Sorted(days) => {
                let mut dates = Vec::with_capacity(days.rows());
                for (day, rows) in days.iter() {
                    dates.resize(dates.len() + rows, day.epoch_days());
                }
                let mut column = Column::default();
                column.push(&dates);
                column
            }
        }
    }
}

impl ByDate {
    /// Needs the memory of the column once more where the rows were not in order.
    pub(crate) fn sort(&self, column: Column) -> Arc<Column> {
        Arc::new(match &self.0 {
            Some(order) if column.len() > 0 => column.in_order(order),
            _ => column,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(day: i32) -> Date {
        Date::from_epoch_days(day).expect("a day")
    }

    proptest! {
        #[test]
        fn days_are_those_of_the_rows(parts in prop::collection::vec(prop::collection::vec(17_000..17_009, 0..9), 0..5), sort in any::<bool>()) {
            let mut parts = parts;
            if sort {
                let mut all = parts.concat();
                all.sort_unstable();
                let mut all = all.into_iter();
                parts.iter_mut().for_each(|part| part.iter_mut().zip(&mut all).for_each(|(day, next)| *day = next));
            }
            let mut dates = Dates::default();
            for part in &parts {
                dates.append(Dates::of(&part.iter().map(|day| date(*day)).collect::<Vec<Date>>()));
            }
            let mut all = parts.concat();
            prop_assert_eq!(dates.rows(), all.len());
            if sort {
                prop_assert!(matches!(dates, Dates::Sorted(_)));
            }
            let odd: Vec<usize> = (1..all.len()).step_by(2).collect();
            prop_assert_eq!(dates.clone().without(&odd).sorted().0.rows(), all.len().div_ceil(2));

            let (days, by_date) = dates.sorted();
            let mut rows = Column::default();
            rows.push(&(0..u32::try_from(all.len()).expect("a few")).collect::<Vec<u32>>());
            let mut order = vec![0; all.len()];
            by_date.sort(rows).read(0..all.len(), &mut order);
            let mut expected: Vec<(i32, i64)> = all.iter().copied().zip(0..).collect();
            expected.sort_unstable();
            prop_assert_eq!(order, expected.into_iter().map(|(_, row)| row).collect::<Vec<i64>>());

            all.sort_unstable();
            prop_assert_eq!(days.period(), all.first().map(|first| (date(*first), date(all[all.len() - 1]))));
            for (row, day) in all.iter().enumerate() {
                prop_assert_eq!(days.of(row), Some(date(*day)));
            }
            prop_assert_eq!(days.of(all.len()), None);
            for day in 16_999..17_011 {
                prop_assert_eq!(days.before(date(day)), all.iter().filter(|other| **other < day).count());
                prop_assert_eq!(days.until(date(day)), all.iter().filter(|other| **other <= day).count());
            }
        }
    }
}
