//! What an account's use of AWS costs: Cost Explorer and Budgets.

mod answer;
mod aws_cost_analyzer;
mod aws_simple_cost_check;
mod cache;
mod chart;
mod compare_cost_periods;
mod day;
mod forecast;
mod get_budget_status;
mod get_cost_anomalies;
mod get_cost_breakdown;
mod get_cost_forecast;
mod period;
mod query;
mod services;

use mcp_core::ToolPack;

pub(crate) use self::cache::CostCache;
pub use self::{
    answer::{Billed, GroupCost},
    aws_cost_analyzer::{AwsCostAnalyzer, CostAnalysis},
    aws_simple_cost_check::{AwsSimpleCostCheck, CostCheck},
    compare_cost_periods::{CompareCostPeriods, CostComparison, CostDriver, PeriodTotal},
    day::Day,
    get_budget_status::{BudgetState, BudgetStatus, Budgets, GetBudgetStatus},
    get_cost_anomalies::{CostAnomalies, CostAnomaly, GetCostAnomalies},
    get_cost_breakdown::{CostBreakdown, GetCostBreakdown, PeriodCost},
    get_cost_forecast::{CostForecast, ForecastPeriod, GetCostForecast},
    period::Period,
    query::{Granularity, GroupBy, Metric},
};
use crate::{Aws, Whoami};

/// The tools about what an account's use of AWS costs. All of them only read.
///
/// Requests to Cost Explorer cost $0.01 each. Answers say how many were made; they are kept for
/// hours where the days asked for are over, and for minutes where not.
pub fn cost_pack(aws: Aws) -> ToolPack<Aws> {
    ToolPack::new("cost", aws)
        .tool::<GetCostBreakdown>()
        .tool::<AwsCostAnalyzer>()
        .tool::<AwsSimpleCostCheck>()
        .tool::<CompareCostPeriods>()
        .tool::<GetCostForecast>()
        .tool::<GetCostAnomalies>()
        .tool::<GetBudgetStatus>()
        .tool::<Whoami>()
}
