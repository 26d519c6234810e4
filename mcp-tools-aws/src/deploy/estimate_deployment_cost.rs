use std::fmt::Write as _;

use chrono::{NaiveDate, Utc};
use mcp_charts::Chart;
use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BreakEven, DeploymentCost, Impossible, PriceBook, Prices, Target, Workload,
    break_even::break_even, chart::chart, prices::RegionPrices,
};
use crate::{ChartFormat, WithChart};

/// Estimates what running a server on AWS costs a month, at every place where it could run.
///
/// Covers Lambda behind a Function URL, HTTP API, REST API, load balancer or WebSocket API; ECS on
/// Fargate, Fargate Spot, EC2 and in Express Mode; EKS; one EC2 instance; and Bedrock AgentCore
/// Runtime, each with load balancer, addresses, NAT, data transfer and logs. Amounts are list prices
/// in US dollars without tax, discounts or credits, computed from a dated price file; nothing is
/// asked of AWS and no account is needed. Each line of a bill names its source. For advice rather
/// than figures use recommend_deployment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Deployment cost",
    aliases = ["estimate-deployment-cost"],
    read_only,
    idempotent,
    open_world = false
)]
pub struct EstimateDeploymentCost {
    #[serde(flatten)]
    #[allow(missing_docs, reason = "its fields are the arguments")]
    pub workload: Workload,
    /// Whether a chart goes along: costs by requests a month, with the break-even points.
    #[serde(default)]
    pub chart: ChartFormat,
}

/// What a workload costs at each place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentCosts {
    /// The region whose prices count.
    pub region: String,
    /// The day on which the oldest of the prices was last checked, as yyyy-mm-dd.
    pub prices_as_of: String,
    /// The places, the cheapest first.
    pub options: Vec<DeploymentCost>,
    /// The places where the workload cannot run.
    pub impossible: Vec<Impossible>,
    /// Where places that are paid by the hour get cheaper than the cheapest way to use Lambda.
    pub break_even: Vec<BreakEven>,
    /// What to know about the prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Workload {
    /// What the workload costs a month at each place, as [`EstimateDeploymentCost`] answers it. Prices that were
    /// last checked long before `today` are warned of.
    ///
    /// ```
    /// use mcp_tools_aws::{Prices, Workload};
    ///
    /// let today: chrono::NaiveDate = "2026-11-21".parse()?;
    /// let costs = Workload::new(1_000_000).costs(&Prices::built_in(), today).expect("us-east-1");
    /// assert_eq!(costs.options[0].name, "Lambda with a Function URL");
    /// # Ok::<(), chrono::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there are no prices of the region, or no container of the size.
    pub fn costs(&self, prices: &Prices, today: NaiveDate) -> ToolResult<DeploymentCosts> {
        estimate(self, prices, today)
    }

    /// Its [costs](Self::costs) by the number of requests, around the points where another place gets cheaper;
    /// where none does, a bar for each place.
    ///
    /// # Errors
    ///
    /// When there are no prices of the region.
    pub fn chart(&self, costs: &DeploymentCosts, prices: &Prices) -> ToolResult<Chart> {
        Ok(chart(costs, self, region(self, prices)?))
    }
}

impl Call<PriceBook> for EstimateDeploymentCost {
    type Output = WithChart<DeploymentCosts>;

    // But for the chart some hundreds of multiplications, which need no thread of their own.
    async fn call(self, prices: &PriceBook, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let prices = &*prices.current();
        let costs = estimate(&self.workload, prices, Utc::now().date_naive())?;
        let text = costs.to_text();
        let of_region = region(&self.workload, prices)?;
        let chart = |costs: &DeploymentCosts| chart(costs, &self.workload, of_region);
        WithChart::new(WithText::new(costs, text), self.chart, chart).await
    }
}

/// The prices of the workload's region, or what the model should do instead.
pub(super) fn region<'a>(workload: &Workload, prices: &'a Prices) -> ToolResult<&'a RegionPrices> {
    workload.check()?;
    prices.of(&workload.region).ok_or_else(|| prices.unknown(&workload.region))
}

pub(super) fn estimate(
    workload: &Workload,
    prices: &Prices,
    today: NaiveDate,
) -> ToolResult<DeploymentCosts> {
    let prices = region(workload, prices)?;
    let (mut options, mut impossible) = (Vec::new(), Vec::new());
    for target in Target::ALL {
        match target.cost(workload, prices) {
            Ok(cost) => options.push(cost),
            Err(reason) => impossible.push(reason),
        }
    }
    options.sort_by_key(|option| option.monthly_usd);
    let by_request = options.iter().map(|option| option.target).find(|target| target.is_lambda());
    let by_hour =
        [Target::Fargate, Target::FargateSpot, Target::EcsOnEc2, Target::Eks, Target::Ec2];
    let break_even = by_request
        .into_iter()
        .flat_map(|below| by_hour.map(|above| break_even(below, above, workload, prices)))
        .flatten()
        .collect();
    Ok(DeploymentCosts {
        region: prices.region.clone(),
        prices_as_of: prices.as_of().to_string(),
        options,
        impossible,
        break_even,
        warning: prices.warning(today),
    })
}

impl DeploymentCosts {
    fn to_text(&self) -> String {
        let mut text = format!(
            "A month in {} at list prices (checked {} or later), the cheapest first:",
            self.region, self.prices_as_of
        );
        // Writing to a string does not fail.
        for option in &self.options {
            let _ = write!(text, "\n- {}: {}", option.name, option.monthly_usd);
            if option.monthly_usd_with_free_tier != option.monthly_usd {
                let free = option.monthly_usd_with_free_tier;
                let _ = write!(text, " ({free} with the free tier)");
            }
            let lines: Vec<String> =
                option.lines.iter().map(|line| format!("{} {}", line.item, line.usd)).collect();
            let _ = write!(text, ": {}", lines.join(", "));
        }
        for Impossible { target, reason } in &self.impossible {
            let _ = write!(text, "\n- Not {}: {reason}.", target.name());
        }
        for BreakEven { below, above, requests_per_month } in &self.break_even {
            let _ = write!(
                text,
                "\n{} is cheaper than {} up to about {requests_per_month} requests a month.",
                below.name(),
                above.name()
            );
        }
        if let Some(warning) = &self.warning {
            let _ = write!(text, "\nWarning: {warning}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_prices_are_warned_of() {
        let costs = |today: &str| {
            let today = today.parse().expect("a date");
            estimate(&Workload::new(1), &Prices::built_in(), today).expect("costs")
        };
        assert_eq!(costs("2026-12-31").warning, None);
        let old = costs("2028-01-01");
        assert!(old.to_text().contains("Warning: Some prices were last checked on 2026-03-31"));
    }

    #[test]
    fn nothing_overflows() {
        let most = Workload {
            duration_ms: 86_400_000,
            memory_mb: 10_240,
            payload_kb: 204_800.0,
            hours_per_day: 1,
            days_per_month: Some(1),
            provisioned_concurrency: 100_000,
            streaming: true,
            cold_start_percent: 100.0,
            init_ms: 10_000,
            task_vcpu: 16.0,
            task_memory_mb: 122_880,
            concurrency_per_task: 1,
            peak_factor: 1000.0,
            nat_gateway: true,
            log_kb_per_request: 10_240.0,
            open_connections: 100_000_000,
            requests_per_session: 1,
            ..Workload::new(1_000_000_000_000)
        };
        for streaming in [true, false] {
            for duration_ms in [1, 900_000, 86_400_000] {
                let most = Workload { streaming, duration_ms, ..most.clone() };
                let costs = estimate(&most, &Prices::built_in(), NaiveDate::MIN).expect("costs");
                assert!(costs.options.is_sorted_by_key(|option| option.monthly_usd));
            }
        }
    }
}
