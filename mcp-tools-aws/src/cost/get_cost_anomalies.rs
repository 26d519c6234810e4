use std::fmt::Write as _;

use aws_sdk_costexplorer::types;
use chrono::{NaiveDate, Utc};
use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Billed, Day, cache::once, period::back};
use crate::{Aws, Usd, aws::Action};

/// A question is answered from so many pages at most: $0.05, 500 anomalies.
const MOST_PAGES: u32 = 5;

/// Lists what AWS Cost Anomaly Detection has found: when costs rose unexpectedly, by how much, and why.
///
/// Covers the last days, 90 at most, which is what AWS keeps. Finds nothing in an account without a
/// monitor. One question to Cost Explorer ($0.01 a page). This only reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Cost anomalies",
    aliases = ["get-cost-anomalies"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["cost:read"]
)]
pub struct GetCostAnomalies {
    /// How many days to look back; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 90))]
    pub days: Option<u16>,
    /// Only anomalies that cost at least so much more than expected, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min_impact_usd: Option<f64>,
}

/// When costs rose unexpectedly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostAnomalies {
    /// The first day that counts.
    pub from: Day,
    /// The last day that counts: today.
    pub to: Day,
    /// What is counted: `impact`, which is what was spent less what was expected, as AWS measures it;
    /// AWS does not tell by which of its metrics of cost.
    pub metric: String,
    /// The currency of all amounts.
    pub currency: String,
    /// Whether AWS may still change it, as always while days are not billed.
    pub estimated: bool,
    /// The anomalies, that with the greatest impact first.
    pub anomalies: Vec<CostAnomaly>,
    /// Why some are missing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// What it cost to find out.
    pub billed: Billed,
}

/// An unexpected rise of costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostAnomaly {
    /// Its identity at AWS.
    pub id: String,
    /// Its first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its last day; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What was watched, such as the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<String>,
    /// What it cost more than expected.
    pub impact: Usd,
    /// What it cost in all, if AWS says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Usd>,
    /// What was expected, if AWS says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Usd>,
    /// What AWS thinks were the causes: service, region, account and usage type, as far as known.
    pub causes: Vec<String>,
}

/// A question to `GetAnomalies`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AnomalyQuery {
    from: NaiveDate,
    to: NaiveDate,
}

/// The answer to an [`AnomalyQuery`].
#[derive(Clone, Debug, Default)]
pub(super) struct AnomalyPages {
    anomalies: Vec<types::Anomaly>,
    requests: u32,
    missing: Option<String>,
}

impl AnomalyQuery {
    async fn ask(self, aws: Aws) -> ToolResult<AnomalyPages> {
        let explorer = aws.explorer().await;
        let interval = types::AnomalyDateInterval::builder()
            .start_date(self.from.to_string())
            .end_date(self.to.to_string())
            .build()?;
        let mut pages = AnomalyPages::default();
        let mut token = None;
        loop {
            let request = explorer
                .get_anomalies()
                .date_interval(interval.clone())
                .max_results(100)
                .set_next_page_token(token.take());
            let page = aws.call(Action::GetAnomalies, None, request.send()).await;
            pages.requests += 1;
            let page = match page {
                Ok(page) => page,
                Err(error) if pages.requests == 1 => return Err(error),
                Err(error) => {
                    pages.missing = Some(format!("The rest could not be read: {error}"));
                    return Ok(pages);
                }
            };
            pages.anomalies.extend(page.anomalies);
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(pages);
            }
            if pages.requests == MOST_PAGES {
                pages.missing = Some("There are more: ask for fewer days.".to_owned());
                return Ok(pages);
            }
        }
    }
}

impl Call<Aws> for GetCostAnomalies {
    type Output = WithText<CostAnomalies>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let to = Utc::now().date_naive();
        let from = back(to, u64::from(self.days.unwrap_or(30)) - 1);
        let query = AnomalyQuery { from, to };
        let (pages, paid) = once(aws, |cache| &cache.anomalies, query, AnomalyQuery::ask).await?;
        let least = dollars(self.min_impact_usd.unwrap_or(0.0));
        let mut anomalies: Vec<CostAnomaly> = pages
            .anomalies
            .iter()
            .map(CostAnomaly::from)
            .filter(|anomaly| anomaly.impact >= least)
            .collect();
        anomalies.sort_by(|a, b| b.impact.cmp(&a.impact).then_with(|| a.id.cmp(&b.id)));
        let anomalies = CostAnomalies {
            from: Day(from),
            to: Day(to),
            metric: "impact".to_owned(),
            currency: "USD".to_owned(),
            estimated: true,
            anomalies,
            partial: pages.missing.clone(),
            billed: Billed::new(if paid { pages.requests } else { 0 }),
        };
        let text = anomalies.to_text();
        Ok(WithText::new(anomalies, text))
    }
}

fn dollars(amount: f64) -> Usd {
    Usd::from(Decimal::try_from(amount).unwrap_or_default())
}

impl From<&types::Anomaly> for CostAnomaly {
    fn from(anomaly: &types::Anomaly) -> Self {
        let impact = anomaly.impact.as_ref();
        let causes = anomaly.root_causes.iter().flatten().map(|cause| {
            let parts = [
                cause.service.as_deref(),
                cause.region.as_deref(),
                cause.linked_account_name.as_deref().or(cause.linked_account.as_deref()),
                cause.usage_type.as_deref(),
            ];
            parts
                .into_iter()
                .flatten()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", ")
        });
        Self {
            id: anomaly.anomaly_id.clone(),
            from: anomaly.anomaly_start_date.clone(),
            to: anomaly.anomaly_end_date.clone(),
            watched: anomaly.dimension_value.clone(),
            impact: dollars(impact.map_or(0.0, |impact| impact.total_impact)),
            actual: impact.and_then(|impact| impact.total_actual_spend).map(dollars),
            expected: impact.and_then(|impact| impact.total_expected_spend).map(dollars),
            causes: causes.collect(),
        }
    }
}

impl CostAnomalies {
    fn to_text(&self) -> String {
        let Self { from, to, .. } = self;
        let mut text = match self.anomalies.len() {
            0 => format!("No anomalies from {from} to {to}."),
            count => format!("{count} anomalies from {from} to {to}:"),
        };
        // Writing to a string does not fail.
        for anomaly in &self.anomalies {
            let _ = write!(
                text,
                "\n- {} to {}: {} more than expected",
                anomaly.from.as_deref().unwrap_or("?"),
                anomaly.to.as_deref().unwrap_or("now"),
                anomaly.impact
            );
            if let Some(watched) = &anomaly.watched {
                let _ = write!(text, " for {watched}");
            }
            if !anomaly.causes.is_empty() {
                let _ = write!(text, ", because of {}", anomaly.causes.join("; "));
            }
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        let _ = write!(text, "\n{}", self.billed.to_text());
        text
    }
}
