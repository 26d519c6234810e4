use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Date;

/// How long the periods are that time is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grain {
    /// A calendar day.
    Day,
    /// Seven days from a Monday on, as in ISO 8601.
    Week,
    /// A calendar month.
    Month,
    /// Three months, from January, April, July or October on.
    Quarter,
    /// A calendar year.
    Year,
}

impl Grain {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The name in arguments and answers: `month`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The first day of the period that a day is in. The week that year 0 begins in begins with it.
    pub fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => day.plus_days(-i64::from(day.days_from_monday())),
            Self::Month => day.first_of_month(day.month()),
            Self::Quarter => day.first_of_month((day.month() - 1) / 3 * 3 + 1),
            Self::Year => day.first_of_month(1),
        }
    }

    /// The first day of the period after the one that a day is in; none after the last year.
    pub fn next(self, day: Date) -> Option<Date> {
        // Longer than the period, shorter than two, from its first day on.
        let beyond = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 92,
            Self::Year => 366,
        };
        let start = self.start(day);
        let next = self.start(start.plus_days(beyond));
        (next > start).then_some(next)
    }

    /// A period by its first day: `2017-03-01`, `2017-W09`, `2017-03`, `2017-Q1`, `2017`.
    pub fn label(self, start: Date) -> String {
        match self {
            Self::Day => start.to_string(),
            Self::Week => start.iso_week(),
            Self::Month => format!("{:04}-{:02}", start.year(), start.month()),
            Self::Quarter => format!("{:04}-Q{}", start.year(), (start.month() - 1) / 3 + 1),
            Self::Year => format!("{:04}", start.year()),
        }
    }
}

impl fmt::Display for Grain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// As `Dimension`.
impl JsonSchema for Grain {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Grain".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn periods_begin_where_calendars_say() {
        for (grain, day, start, next, label) in [
            (Grain::Day, "2016-02-29", "2016-02-29", "2016-03-01", "2016-02-29"),
            (Grain::Week, "2017-01-01", "2016-12-26", "2017-01-02", "2016-W52"),
            (Grain::Week, "2018-12-31", "2018-12-31", "2019-01-07", "2019-W01"),
            (Grain::Month, "2017-12-31", "2017-12-01", "2018-01-01", "2017-12"),
            (Grain::Quarter, "2017-03-31", "2017-01-01", "2017-04-01", "2017-Q1"),
            (Grain::Quarter, "2017-11-05", "2017-10-01", "2018-01-01", "2017-Q4"),
            (Grain::Year, "2016-12-31", "2016-01-01", "2017-01-01", "2016"),
        ] {
            assert_eq!(grain.start(date(day)), date(start), "{grain} {day}");
            assert_eq!(grain.next(date(day)), Some(date(next)), "{grain} {day}");
            assert_eq!(grain.label(date(start)), label);
        }
    }

    #[test]
    fn time_ends_with_the_year_9999() {
        for grain in Grain::ALL {
            assert_eq!(grain.next(date("9999-12-31")), None, "{grain}");
        }
        assert_eq!(Grain::Week.start(date("0000-01-01")), date("0000-01-01"));
    }
}
