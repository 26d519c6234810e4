use std::fmt::Write as _;

use chrono::Utc;
use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Billed, CostDriver, Day, Granularity, GroupBy, GroupCost, Metric,
    answer::percent,
    cache::once,
    compare_cost_periods::drivers,
    get_cost_breakdown::{filter, label},
    period::back,
    query::CostQuery,
};
use crate::{Aws, Usd};

/// Analyzes what an AWS account, or one of its services or regions, costs lately: total, mean and
/// most expensive day, what it is made of, and what changed against the time before.
///
/// Compares the last `days` full days with as many before them, by service, or by usage type where a
/// service is given. One question to Cost Explorer ($0.01 a page) answers all of it. Amounts are
/// unblended costs in US dollars. This only reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Cost analysis",
    aliases = ["aws-cost-analyzer"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["cost:read"]
)]
pub struct AwsCostAnalyzer {
    /// Only this service: a short name such as "lambda", or Cost Explorer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only this region, such as "eu-west-1".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// How many days to look at, up to yesterday; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 180))]
    pub days: Option<u16>,
}

/// What an account costs lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostAnalysis {
    /// The first day that counts.
    pub from: Day,
    /// The last day that counts: yesterday.
    pub to: Day,
    /// Whether AWS may still change some of it.
    pub estimated: bool,
    /// Which costs count: unblended.
    pub metric: Metric,
    /// The currency of all amounts.
    pub currency: String,
    /// The sum.
    pub total: Usd,
    /// The sum of as many days before.
    pub previous_total: Usd,
    /// The change against the days before, in percent of them; absent where those cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<f64>,
    /// The mean day.
    pub daily_mean: Usd,
    /// The most expensive day, if any day cost something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_day: Option<Day>,
    /// What the most expensive day cost.
    pub highest_day_usd: Usd,
    /// The ten services, or usage types where a service is given, that cost most.
    pub groups: Vec<GroupCost>,
    /// What changed most.
    pub drivers: Vec<CostDriver>,
    /// Why some of it is missing, if so: then all sums are too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// What it cost to find out.
    pub billed: Billed,
}

impl Call<Aws> for AwsCostAnalyzer {
    type Output = WithText<CostAnalysis>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let days = u64::from(self.days.unwrap_or(30));
        let to = back(Utc::now().date_naive(), 1);
        let from = back(to, days - 1);
        let group_by = if self.service.is_some() { GroupBy::UsageType } else { GroupBy::Service };
        let query = CostQuery {
            from: back(from, days),
            to,
            granularity: Granularity::Daily,
            metric: Metric::UnblendedCost,
            group_by: Some((group_by, None)),
            filter: filter(self.service.as_deref(), self.region.as_deref(), None)?,
        };
        let (table, paid) = once(aws, |cache| &cache.costs, query, CostQuery::ask).await?;
        let is_now = |row: &super::query::CostRow| row.from >= from;
        let total: Usd = table.rows.iter().filter(|row| is_now(row)).map(|row| row.total).sum();
        let previous_total = table.total() - total;
        let (now, before) = (table.by_group(is_now), table.by_group(|row| !is_now(row)));
        let highest = table.rows.iter().filter(|row| is_now(row)).max_by_key(|row| row.total);
        let highest = highest.filter(|row| row.total > Usd::ZERO);
        let analysis = CostAnalysis {
            from: Day(from),
            to: Day(to),
            estimated: table.estimated(),
            metric: Metric::UnblendedCost,
            currency: table.currency.clone().unwrap_or_else(|| "USD".to_owned()),
            total,
            previous_total,
            change_percent: (previous_total != Usd::ZERO)
                .then(|| percent(total - previous_total, previous_total)),
            daily_mean: Usd::from(total.amount() / Decimal::from(days)),
            highest_day: highest.map(|row| Day(row.from)),
            highest_day_usd: highest.map_or(Usd::ZERO, |row| row.total),
            drivers: drivers(&before, &now, 5),
            groups: GroupCost::top(now, total, 10),
            partial: table.missing.clone(),
            billed: Billed::new(if paid { table.requests } else { 0 }),
        };
        let text = analysis.to_text();
        Ok(WithText::new(analysis, text))
    }
}

impl CostAnalysis {
    fn to_text(&self) -> String {
        let Self { from, to, total, previous_total, daily_mean, currency, .. } = self;
        let change = match self.change_percent {
            Some(change) => format!("{change:+} %"),
            None => "new".to_owned(),
        };
        let estimated = if self.estimated { ", partly estimated" } else { "" };
        let mut text = format!(
            "{from} to {to}: {total} ({}, {currency}{estimated}); before that {previous_total} \
             ({change}). {daily_mean} a day.",
            self.metric.name()
        );
        // Writing to a string does not fail.
        if let Some(day) = self.highest_day {
            let _ = write!(text, " Most on {day}: {}.", self.highest_day_usd);
        }
        for GroupCost { name, usd, percent } in &self.groups {
            let _ = write!(text, "\n- {}: {usd} ({percent} %)", label(name));
        }
        if !self.drivers.is_empty() {
            text.push_str("\nWhat changed most:");
        }
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
