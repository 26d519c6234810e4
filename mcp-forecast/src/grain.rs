use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};

/// How far apart the values of a series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grain {
    /// A value for each day.
    Day,
    /// A value for each week, dated by its first day.
    Week,
    /// A value for each calendar month, dated by its first day.
    Month,
}

impl Grain {
    /// The date `steps` values after `date`; `None` when it is after the year 9999.
    pub fn after(self, date: NaiveDate, steps: usize) -> Option<NaiveDate> {
        let steps = u32::try_from(steps).ok()?;
        let date = match self {
            Self::Day => date.checked_add_days(Days::new(steps.into())),
            Self::Week => date.checked_add_days(Days::new(u64::from(steps) * 7)),
            Self::Month => date.checked_add_months(Months::new(steps)),
        }?;
        (date.year() <= 9999).then_some(date)
    }

    /// How many values lie between the periods of two dates, of which `from` begins a period.
    pub(crate) fn steps(self, from: NaiveDate, to: NaiveDate) -> i64 {
        match self {
            Self::Day => (to - from).num_days(),
            Self::Week => (to - from).num_days().div_euclid(7),
            Self::Month => {
                let months =
                    |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month0());
                months(to) - months(from)
            }
        }
    }

    /// The periods that values of this grain may repeat with, in values, shortest first: a week and
    /// a year of days, a year of weeks, a year of months.
    pub fn seasons(self) -> &'static [usize] {
        match self {
            Self::Day => &[7, 365],
            Self::Week => &[52],
            Self::Month => &[12],
        }
    }

    /// "day", "week" or "month".
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl fmt::Display for Grain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
