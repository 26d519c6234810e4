use std::{borrow::Cow, error::Error, fmt, str::FromStr};

use chrono::{Datelike, NaiveDate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A calendar day from 0000-01-01 to 9999-12-31, written `yyyy-mm-dd`.
///
/// Nothing else is read as a date: no time, no offset, no shorter or longer form. Its JSON Schema
/// is a string of `format: date`.
///
/// ```
/// use mcp_tools_sales::Date;
///
/// let day: Date = "2016-02-29".parse()?;
/// assert!(day < "2016-03-01".parse()?);
/// assert!("2015-02-29".parse::<Date>().is_err());
/// # Ok::<(), mcp_tools_sales::ParseDateError>(())
/// ```
// A newtype, so that chrono stays out of the public API and its lenient parser out of ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(NaiveDate);

impl Date {
    pub(crate) const EPOCH: Self = Self(NaiveDate::from_ymd_opt(1970, 1, 1).expect("a day"));
    const MIN: Self = Self(NaiveDate::from_ymd_opt(0, 1, 1).expect("a day"));
    const MAX: Self = Self(NaiveDate::from_ymd_opt(9999, 12, 31).expect("a day"));

    /// The year, 0 to 9999.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u32 {
        self.0.month()
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u32 {
        self.0.day()
    }

    /// So many days later, or earlier; the first or the last day of time if that is beyond it.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let bound = if days < 0 { Self::MIN } else { Self::MAX };
        let moved =
            chrono::TimeDelta::try_days(days).and_then(|days| self.0.checked_add_signed(days));
        moved.and_then(Self::new).unwrap_or(bound)
    }

    /// How many days `self` is after `other`.
    pub fn days_since(self, other: Self) -> i64 {
        (self.0 - other.0).num_days()
    }

    /// A day, if it is in the years from 0 to 9999.
    pub(crate) fn new(day: NaiveDate) -> Option<Self> {
        (0..=9999).contains(&day.year()).then_some(Self(day))
    }

    /// The day as other crates have it.
    pub(crate) fn naive(self) -> NaiveDate {
        self.0
    }

    /// The known values of a time series with their dates.
    pub(crate) fn all_of(series: &mcp_forecast::Series) -> Vec<(Self, f64)> {
        let values = series.values().iter().enumerate();
        values
            .filter_map(|(index, value)| Some((Self::new(series.date(index))?, (*value)?)))
            .collect()
    }

    /// So many days after 1970-01-01.
    pub(crate) fn from_epoch_days(days: i32) -> Option<Self> {
        NaiveDate::from_epoch_days(days).and_then(Self::new)
    }

    /// How many days it is after 1970-01-01.
    pub(crate) fn epoch_days(self) -> i32 {
        // Years up to 9999 fit.
        i32::try_from(self.days_since(Self::EPOCH)).unwrap_or_default()
    }

    pub(super) fn days_from_monday(self) -> u32 {
        self.0.weekday().num_days_from_monday()
    }

    /// The first day of a month, 1 to 12, of the same year.
    pub(super) fn first_of_month(self, month: u32) -> Self {
        self.0.with_day(1).and_then(|day| day.with_month(month)).map_or(self, Self)
    }

    /// The week, as ISO 8601 writes it: `2017-W01`.
    pub(super) fn iso_week(self) -> String {
        let week = self.0.iso_week();
        format!("{:04}-W{:02}", week.year(), week.week())
    }
}

impl FromStr for Date {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return Err(ParseDateError);
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0, |sum, digit| match digit {
                b'0'..=b'9' => Ok(sum * 10 + u32::from(digit - b'0')),
                _ => Err(ParseDateError),
            })
        };
        let year = number(&[y1, y2, y3, y4])?.cast_signed();
        NaiveDate::from_ymd_opt(year, number(&[m1, m2])?, number(&[d1, d2])?)
            .map(Date)
            .ok_or(ParseDateError)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format_args!("{error}, found {text:?}")))
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // `format` alone is only an annotation to many validators.
        json_schema!({ "type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$" })
    }
}

/// The text is not a [`Date`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDateError;

impl fmt::Display for ParseDateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a date as yyyy-mm-dd, such as 2017-12-31")
    }
}

impl Error for ParseDateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yyyy_mm_dd_is_a_date() {
        for text in [
            "",
            "2017",
            "2017-1-5",
            "17-01-05",
            "2017/01/05",
            "05.01.2017",
            "2017-01-05 ",
            "2017-01-05T00:00:00Z",
            "2017-13-01",
            "2017-00-10",
            "2017-02-30",
            "2015-02-29",
            "+017-01-05",
            "2017-01-0٣",
            "-017-01-01",
        ] {
            assert_eq!(text.parse::<Date>(), Err(ParseDateError), "{text}");
        }
        for text in ["0000-01-01", "2016-02-29", "9999-12-31"] {
            assert_eq!(text.parse::<Date>().map(|date| date.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn json_is_the_iso_text() {
        let date: Date = serde_json::from_str("\"2017-12-30\"").expect("a date");
        assert_eq!((date.year(), date.month()), (2017, 12));
        assert_eq!(serde_json::to_string(&date).expect("json"), "\"2017-12-30\"");
        let error =
            serde_json::from_str::<Date>("\"Tuesday\"").expect_err("not a date").to_string();
        assert!(
            error.starts_with(
                r#"expected a date as yyyy-mm-dd, such as 2017-12-31, found "Tuesday""#
            ),
            "{error}"
        );
    }
}
