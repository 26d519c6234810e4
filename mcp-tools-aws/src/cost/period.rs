use chrono::{Days, Months, NaiveDate};
use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Day, Granularity};

/// Which days count: the last so many, or from one day to another. The last 30 when absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Period {
    /// The last so many days, today included; instead of `from` and `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 400))]
    pub days: Option<u16>,
    /// The first day that counts, as yyyy-mm-dd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// The last day that counts, as yyyy-mm-dd; today when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
}

impl Period {
    /// The first and the last day, both included.
    pub(super) fn resolve(
        &self,
        granularity: Granularity,
        today: NaiveDate,
    ) -> ToolResult<(NaiveDate, NaiveDate)> {
        let to = self.to.map_or(today, |day| day.0.min(today));
        let from = match (self.days, self.from) {
            (Some(_), Some(_)) => {
                return mistake("Give either `days`, or `from` and `to`.".to_owned());
            }
            (None, Some(from)) => from.0,
            (days, None) => back(to, u64::from(days.unwrap_or(30)) - 1),
        };
        check(from, to, granularity, today)?;
        Ok((from, to))
    }
}

/// What Cost Explorer refuses is refused here, where it costs nothing.
pub(super) fn check(
    from: NaiveDate,
    to: NaiveDate,
    granularity: Granularity,
    today: NaiveDate,
) -> ToolResult<()> {
    if from > today {
        return mistake(format!(
            "The period begins on {from}, which is after today, {today}: nothing has been spent yet. \
             For estimates use get_cost_forecast."
        ));
    }
    if from > to {
        return mistake(format!("The period ends before it begins: from {from} is after to {to}."));
    }
    let months = match granularity {
        Granularity::Daily => 14,
        Granularity::Monthly => 38,
    };
    let earliest = today.checked_sub_months(Months::new(months)).unwrap_or_default();
    if from < earliest {
        return mistake(format!(
            "The period begins on {from}; Cost Explorer keeps {months} months at this granularity, \
             from {earliest} on (more than 14 only where the account has multi-year data)."
        ));
    }
    Ok(())
}

fn mistake<T>(message: String) -> ToolResult<T> {
    Err(ToolError::new(ToolErrorKind::InvalidArguments, message))
}

/// So many days before another.
pub(super) fn back(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN)
}

/// The first day of a day's month.
pub(super) fn month_of(day: NaiveDate) -> NaiveDate {
    chrono::Datelike::with_day(&day, 1).unwrap_or(day)
}

/// The first day of the month after a day's.
pub(super) fn next_month(day: NaiveDate) -> NaiveDate {
    month_of(day).checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn resolve(days: Option<u16>, from: Option<&str>, to: Option<&str>) -> Result<String, String> {
        let parse = |text: &str| Day(day(text));
        let period = Period { days, from: from.map(parse), to: to.map(parse) };
        period
            .resolve(Granularity::Daily, day("2026-03-15"))
            .map(|(from, to)| format!("{from} {to}"))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn periods_end_today_unless_told_otherwise() {
        for (days, from, to, resolved) in [
            (None, None, None, "2026-02-14 2026-03-15"),
            (Some(1), None, None, "2026-03-15 2026-03-15"),
            (Some(7), None, Some("2026-03-10"), "2026-03-04 2026-03-10"),
            (None, Some("2026-01-01"), None, "2026-01-01 2026-03-15"),
            (None, Some("2026-03-01"), Some("2026-12-31"), "2026-03-01 2026-03-15"),
        ] {
            assert_eq!(resolve(days, from, to).as_deref(), Ok(resolved));
        }
    }

    #[test]
    fn a_period_that_cannot_be_is_refused_before_it_costs_money() {
        for (days, from, to, expected) in [
            (Some(3), Some("2026-03-01"), None, "either `days`"),
            (None, Some("2026-03-10"), Some("2026-03-09"), "ends before it begins"),
            (None, Some("2026-03-16"), None, "get_cost_forecast"),
            (None, Some("2025-01-14"), None, "keeps 14 months"),
        ] {
            let error = resolve(days, from, to).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn months_have_a_first_day_and_a_next() {
        assert_eq!(month_of(day("2026-12-31")), day("2026-12-01"));
        assert_eq!(next_month(day("2026-12-31")), day("2027-01-01"));
    }
}
