use std::sync::Arc;

use super::{Answer, Date, Grain, Measure};

/// A measure over time: of everything that was asked for, or of one name of a dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name, where the series is one of several.
    pub name: Option<Arc<str>>,
    /// The periods that have order lines, the earliest first.
    pub points: Vec<Point>,
}

/// What a measure came to in a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The first day of the period.
    pub date: Date,
    /// The measure; revenue in units of its currency.
    pub value: f64,
}

impl Series {
    /// The series of an answer that is grouped by periods, and by one dimension or none, in the
    /// order in which their names come first.
    pub(crate) fn of(answer: &Answer, measure: Measure) -> Vec<Self> {
        let mut series: indexmap::IndexMap<Option<Arc<str>>, Vec<Point>> =
            indexmap::IndexMap::new();
        for row in &answer.rows {
            let Some(date) = row.period else { continue };
            let point = Point { date, value: row.totals.value(measure) };
            series.entry(row.names.first().cloned()).or_default().push(point);
        }
        series
            .into_iter()
            .map(|(name, mut points)| {
                points.sort_by_key(|point| point.date);
                Self { name, points }
            })
            .collect()
    }

    /// The same with a zero for each period without order lines between the first and the last, so
    /// that periods follow each other without a gap.
    #[must_use]
    pub fn filled(mut self, grain: Grain) -> Self {
        let mut filled: Vec<Point> = Vec::with_capacity(self.points.len());
        for point in self.points {
            while let Some(date) = filled.last().and_then(|last| grain.next(last.date))
                && date < point.date
            {
                filled.push(Point { date, value: 0.0 });
            }
            filled.push(point);
        }
        self.points = filled;
        self
    }
}
