use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use chrono::{NaiveDate, Utc};
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Billed, Day, Granularity, GroupBy, Metric,
    answer::percent,
    cache::once,
    get_cost_breakdown::{filter, label},
    period::{back, check, month_of},
    query::{CostQuery, CostTable},
};
use crate::{Aws, Usd};

/// Compares what an AWS account cost in two periods, and ranks what drove the change.
///
/// Without periods, last month is compared with the month before it. Periods of different lengths are
/// compared as they are. Two questions to Cost Explorer ($0.01 a page). This only reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Cost comparison",
    aliases = ["compare-cost-periods"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["cost:read"]
)]
pub struct CompareCostPeriods {
    /// The first day of the earlier period, as yyyy-mm-dd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_from: Option<Day>,
    /// The last day of the earlier period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_to: Option<Day>,
    /// The first day of the later period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_from: Option<Day>,
    /// The last day of the later period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_to: Option<Day>,
    /// What drivers are told apart by; not tags.
    #[serde(default)]
    pub group_by: GroupBy,
    /// Which costs count.
    #[serde(default)]
    pub metric: Metric,
    /// Only this service: a short name such as "lambda", or Cost Explorer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// How many drivers to list; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u8>,
}

/// Two periods and what changed between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostComparison {
    /// The earlier period.
    pub before: PeriodTotal,
    /// The later period.
    pub after: PeriodTotal,
    /// Which costs count.
    pub metric: Metric,
    /// The currency of all amounts.
    pub currency: String,
    /// What the later period costs more.
    pub change: Usd,
    /// The same in percent of the earlier period; absent where that cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<f64>,
    /// What changed, the greatest change first.
    pub drivers: Vec<CostDriver>,
    /// Why some of it is missing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// What it cost to find out.
    pub billed: Billed,
}

/// What a period cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodTotal {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// The sum.
    pub total: Usd,
    /// Whether AWS may still change it.
    pub estimated: bool,
}

/// Something whose cost has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostDriver {
    /// Its name.
    pub name: String,
    /// What it cost in the earlier period.
    pub before: Usd,
    /// What it cost in the later period.
    pub after: Usd,
    /// The difference.
    pub change: Usd,
}

/// What changed between two sets of groups, the greatest change first. Less than half a cent is no
/// change.
pub(super) fn drivers(
    before: &[(String, Usd)],
    after: &[(String, Usd)],
    limit: usize,
) -> Vec<CostDriver> {
    let mut sums: HashMap<&str, (Usd, Usd)> = HashMap::new();
    before.iter().for_each(|(name, amount)| sums.entry(name).or_default().0 += *amount);
    after.iter().for_each(|(name, amount)| sums.entry(name).or_default().1 += *amount);
    let mut drivers: Vec<CostDriver> = sums
        .into_iter()
        .map(|(name, (before, after))| CostDriver {
            name: name.to_owned(),
            before,
            after,
            change: after - before,
        })
        .filter(|driver| driver.change.cents() != 0)
        .collect();
    drivers.sort_by(|a, b| {
        let by = b.change.amount().abs().cmp(&a.change.amount().abs());
        by.then_with(|| a.name.cmp(&b.name))
    });
    drivers.truncate(limit);
    drivers
}

impl CompareCostPeriods {
    /// The two periods: first and last day each.
    fn periods(&self, today: NaiveDate) -> ToolResult<[(NaiveDate, NaiveDate); 2]> {
        match (self.before_from, self.before_to, self.after_from, self.after_to) {
            (None, None, None, None) => {
                let this_month = month_of(today);
                let last = back(this_month, 1);
                let before = back(month_of(last), 1);
                Ok([(month_of(before), before), (month_of(last), last)])
            }
            (Some(before_from), Some(before_to), Some(after_from), Some(after_to)) => {
                let periods = [(before_from.0, before_to.0), (after_from.0, after_to.0.min(today))];
                for (from, to) in periods {
                    check(from, to, Granularity::Monthly, today)?;
                }
                Ok(periods)
            }
            _ => Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "Give all of `before_from`, `before_to`, `after_from` and `after_to`, or none of \
                 them to compare the last two months.",
            )),
        }
    }
}

impl Call<Aws> for CompareCostPeriods {
    type Output = WithText<CostComparison>;

    async fn call(self, aws: &Aws, cx: &ToolContext) -> ToolResult<Self::Output> {
        if self.group_by == GroupBy::Tag {
            return Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "`group_by`: periods are not compared by tag; ask get_cost_breakdown twice.",
            ));
        }
        let periods = self.periods(Utc::now().date_naive())?;
        let filter = filter(self.service.as_deref(), None, None)?;
        let mut tables: Vec<(Arc<CostTable>, bool)> = Vec::with_capacity(2);
        for (done, (from, to)) in (0..).zip(periods) {
            cx.progress_of(done, 2, "asking Cost Explorer").await;
            let query = CostQuery {
                from,
                to,
                granularity: Granularity::Monthly,
                metric: self.metric,
                group_by: Some((self.group_by, None)),
                filter: filter.clone(),
            };
            tables.push(once(aws, |cache| &cache.costs, query, CostQuery::ask).await?);
        }
        let [(before, _), (after, _)] = &tables[..] else { unreachable!("there are two periods") };
        let total = |table: &CostTable, (from, to): (NaiveDate, NaiveDate)| PeriodTotal {
            from: Day(from),
            to: Day(to),
            total: table.total(),
            estimated: table.estimated(),
        };
        let change = after.total() - before.total();
        let requests =
            tables.iter().filter(|(_, paid)| *paid).map(|(table, _)| table.requests).sum();
        let limit = usize::from(self.limit.unwrap_or(10));
        let comparison = CostComparison {
            before: total(before, periods[0]),
            after: total(after, periods[1]),
            metric: self.metric,
            currency: after
                .currency
                .clone()
                .or_else(|| before.currency.clone())
                .unwrap_or_else(|| "USD".to_owned()),
            change,
            change_percent: (before.total() != Usd::ZERO).then(|| percent(change, before.total())),
            drivers: drivers(&before.by_group(|_| true), &after.by_group(|_| true), limit),
            partial: before.missing.clone().or_else(|| after.missing.clone()),
            billed: Billed::new(requests),
        };
        let text = comparison.to_text();
        Ok(WithText::new(comparison, text))
    }
}

impl CostComparison {
    fn to_text(&self) -> String {
        let Self { before, after, change, .. } = self;
        let percent = self.change_percent.map(|percent| format!(", {percent:+} %"));
        let mut text = format!(
            "{} to {}: {}{}. {} to {}: {}{}. Change: {change}{} ({}, {}).",
            before.from,
            before.to,
            before.total,
            if before.estimated { " (partly estimated)" } else { "" },
            after.from,
            after.to,
            after.total,
            if after.estimated { " (partly estimated)" } else { "" },
            percent.unwrap_or_default(),
            self.metric.name(),
            self.currency
        );
        // Writing to a string does not fail.
        for CostDriver { name, before, after, change } in &self.drivers {
            let _ = write!(text, "\n- {}: {before} to {after} ({change})", label(name));
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        let _ = write!(text, "\n{}", self.billed.to_text());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(cents: i64) -> Usd {
        Usd::from(rust_decimal::Decimal::new(cents, 2))
    }

    #[test]
    fn drivers_are_ranked_by_the_size_of_their_change() {
        let group = |name: &str, cents| (name.to_owned(), amount(cents));
        let before = [group("a", 100), group("gone", 5000), group("same", 700)];
        let after = [group("a", 2000), group("new", 100), group("same", 700)];
        let drivers = drivers(&before, &after, 10);
        let names: Vec<&str> = drivers.iter().map(|driver| driver.name.as_str()).collect();
        assert_eq!(names, ["gone", "a", "new"]);
        assert_eq!(drivers[0].change, amount(-5000));
    }

    #[test]
    fn without_periods_the_last_two_months_are_compared() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let periods = CompareCostPeriods::default().periods(day("2026-03-15")).expect("periods");
        assert_eq!(
            periods,
            [(day("2026-01-01"), day("2026-01-31")), (day("2026-02-01"), day("2026-02-28"))]
        );
    }
}
