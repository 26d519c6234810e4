use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};

use crate::{ForecastError, ForecastErrorKind as Kind, Grain};

/// The most values that a series may have: 136 years of days.
pub const MAX_LEN: usize = 50_000;

/// The largest magnitude that a value may have. Sums of squares of so many still fit an `f64`.
const MAX_VALUE: f64 = 1e100;

/// Values at equal distances in time, some of which may be unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    start: NaiveDate,
    grain: Grain,
    values: Vec<Option<f64>>,
}

impl Series {
    /// The values of the day, week or month that begins on `start`, and of those after it. `None` is
    /// a gap: nothing is known, as opposed to a zero.
    ///
    /// # Errors
    ///
    /// When a value is not finite or beyond 1e100, when there are more than [`MAX_LEN`], or when the
    /// dates leave the years 1 to 9999.
    pub fn new(
        start: NaiveDate,
        grain: Grain,
        values: Vec<Option<f64>>,
    ) -> Result<Self, ForecastError> {
        if values.len() > MAX_LEN {
            let message = format!(
                "the series has {} values, and at most {MAX_LEN} can be used: take a coarser grain or a later start",
                values.len()
            );
            return Err(ForecastError::new(Kind::TooLong, message));
        }
        let in_range = start.year() >= 1 && grain.after(start, values.len()).is_some();
        if !in_range {
            let message = "the dates of the series leave the years 1 to 9999";
            return Err(ForecastError::new(Kind::Date, message));
        }
        let series = Self { start, grain, values };
        let bad =
            |value: &Option<f64>| value.is_some_and(|v| !v.is_finite() || v.abs() > MAX_VALUE);
        if let Some(index) = series.values.iter().position(bad) {
            let message = format!(
                "the value of {} is {}, which is not a number that can be forecast: leave it out or correct it",
                series.date(index),
                series.values[index].unwrap_or_default()
            );
            return Err(ForecastError::new(Kind::Value, message));
        }
        Ok(series)
    }

    /// The series that dated values make, in any order: those of one period are added up, a period
    /// between them without any is a gap. Weeks begin on Monday.
    ///
    /// # Errors
    ///
    /// As [`Series::new`], and when there are no values.
    pub fn from_points(
        grain: Grain,
        points: impl IntoIterator<Item = (NaiveDate, f64)>,
    ) -> Result<Self, ForecastError> {
        let mut periods = BTreeMap::<NaiveDate, f64>::new();
        for (date, value) in points {
            let first = match grain {
                Grain::Day => Some(date),
                Grain::Week => {
                    date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))
                }
                Grain::Month => date.with_day(1),
            };
            *periods.entry(first.unwrap_or(date)).or_default() += value;
        }
        let (Some((&start, _)), Some((&end, _))) =
            (periods.first_key_value(), periods.last_key_value())
        else {
            return Err(ForecastError::new(Kind::TooShort, "the series has no values"));
        };
        let len = usize::try_from(grain.steps(start, end)).unwrap_or_default() + 1;
        if len > MAX_LEN {
            let message = format!(
                "the series spans {len} {grain}s, and at most {MAX_LEN} can be used: take a coarser grain or a later start"
            );
            return Err(ForecastError::new(Kind::TooLong, message));
        }
        let mut values = vec![None; len];
        for (date, value) in periods {
            if let Ok(index) = usize::try_from(grain.steps(start, date)) {
                values[index] = Some(value);
            }
        }
        Self::new(start, grain, values)
    }

    /// The first day of the first period.
    pub fn start(&self) -> NaiveDate {
        self.start
    }

    /// How far apart the values are.
    pub fn grain(&self) -> Grain {
        self.grain
    }

    /// The values; `None` is a gap.
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// How many values there are, gaps included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The first day of the period at `index`, which may lie after the last one. Saturates at the
    /// end of the year 9999.
    pub fn date(&self, index: usize) -> NaiveDate {
        self.grain.after(self.start, index).unwrap_or(NaiveDate::MAX)
    }
}
