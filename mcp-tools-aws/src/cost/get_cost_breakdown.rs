use std::fmt::Write as _;

use chrono::Utc;
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Billed, Day, Granularity, GroupBy, GroupCost, Metric, Period,
    cache::once,
    chart::chart,
    query::{CostQuery, Filter},
    services,
};
use crate::{Aws, ChartFormat, Usd, WithChart};

/// Breaks down what an AWS account has cost, by service, region, usage type, account or tag.
///
/// Costs are in the currency of the bill, US dollars as a rule, by days of UTC. The last days are
/// estimates until AWS has closed them. Each new question costs the account $0.01 a page, which the
/// answer tells; the same question soon after costs nothing. For one service this month use
/// aws_simple_cost_check; for what changed use compare_cost_periods. This only reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Cost breakdown",
    aliases = ["get-cost-breakdown"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["cost:read"]
)]
pub struct GetCostBreakdown {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its fields are arguments")]
    pub period: Period,
    /// How long each row is.
    #[serde(default)]
    pub granularity: Granularity,
    /// What costs are told apart by.
    #[serde(default)]
    pub group_by: GroupBy,
    /// The key of the cost allocation tag, when grouping by tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub tag_key: Option<String>,
    /// Which costs count.
    #[serde(default)]
    pub metric: Metric,
    /// Only this service: a short name such as "lambda", or Cost Explorer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only this region, such as "eu-west-1"; "global" for what has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// Only this account of the organization, twelve digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 12, max = 12))]
    pub account: Option<String>,
    /// How many groups to list; the others are summed up. 20 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<u16>,
    /// Whether a chart goes along: a bar for each day or month, stacked by group.
    #[serde(default)]
    pub chart: ChartFormat,
}

/// What an account has cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostBreakdown {
    /// The first day that counts.
    pub from: Day,
    /// The last day that counts.
    pub to: Day,
    /// How long each row is.
    pub granularity: Granularity,
    /// Which costs count.
    pub metric: Metric,
    /// The currency of all amounts.
    pub currency: String,
    /// Whether AWS may still change some of it.
    pub estimated: bool,
    /// The sum.
    pub total: Usd,
    /// The groups, the most expensive first.
    pub groups: Vec<GroupCost>,
    /// The days or months.
    pub periods: Vec<PeriodCost>,
    /// Why some of it is missing, if so: then all sums are too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// What it cost to find out.
    pub billed: Billed,
}

/// What a day or a month has cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodCost {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// The sum.
    pub total: Usd,
    /// Whether AWS may still change it.
    pub estimated: bool,
}

/// Values of the dimensions that tools filter by.
pub(super) fn filter(
    service: Option<&str>,
    region: Option<&str>,
    account: Option<&str>,
) -> ToolResult<Filter> {
    let services = service.map(services::resolve).transpose()?.unwrap_or_default();
    let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
    Ok(Filter::default()
        .and("SERVICE", services)
        .and("REGION", one(region))
        .and("LINKED_ACCOUNT", one(account)))
}

impl Call<Aws> for GetCostBreakdown {
    type Output = WithChart<CostBreakdown>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let (from, to) = self.period.resolve(self.granularity, Utc::now().date_naive())?;
        if (self.group_by == GroupBy::Tag) != self.tag_key.is_some() {
            return Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "`tag_key` and grouping by tag go together: give both or neither.",
            ));
        }
        let query = CostQuery {
            from,
            to,
            granularity: self.granularity,
            metric: self.metric,
            group_by: Some((self.group_by, self.tag_key)),
            filter: filter(
                self.service.as_deref(),
                self.region.as_deref(),
                self.account.as_deref(),
            )?,
        };
        let (table, paid) = once(aws, |cache| &cache.costs, query, CostQuery::ask).await?;
        let total = table.total();
        let limit = usize::from(self.limit.unwrap_or(20));
        let breakdown = CostBreakdown {
            from: Day(from),
            to: Day(to),
            granularity: self.granularity,
            metric: self.metric,
            currency: table.currency.clone().unwrap_or_else(|| "USD".to_owned()),
            estimated: table.estimated(),
            total,
            groups: GroupCost::top(table.by_group(|_| true), total, limit),
            periods: table
                .rows
                .iter()
                .map(|row| PeriodCost {
                    from: Day(row.from),
                    to: Day(row.to),
                    total: row.total,
                    estimated: row.estimated,
                })
                .collect(),
            partial: table.missing.clone(),
            billed: Billed::new(if paid { table.requests } else { 0 }),
        };
        let text = breakdown.to_text();
        let answer = WithText::new(breakdown, text);
        WithChart::new(answer, self.chart, |breakdown| chart(breakdown, &table)).await
    }
}

impl CostBreakdown {
    fn to_text(&self) -> String {
        let Self { from, to, total, currency, metric, .. } = self;
        let estimated = if self.estimated { ", partly estimated" } else { "" };
        let metric = metric.name();
        let mut text = format!("{from} to {to}: {total} ({metric}, {currency}{estimated}).");
        // Writing to a string does not fail.
        for GroupCost { name, usd, percent } in &self.groups {
            let _ = write!(text, "\n- {}: {usd} ({percent} %)", label(name));
        }
        if self.periods.len() > 1 {
            text.push_str("\nBy period:");
            for period in &self.periods {
                let _ = write!(text, "\n{} {}", period.from, period.total);
            }
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        let _ = write!(text, "\n{}", self.billed.to_text());
        text
    }
}

/// A group's name as a line of text shows it. Tags come as `key$value`.
pub(super) fn label(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match name.split_once('$') {
        Some((key, "")) => format!("without the tag {key}"),
        _ if name.is_empty() => "(none)".to_owned(),
        _ => name,
    }
}
