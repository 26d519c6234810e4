//! Tool packs about AWS: what things cost, what of it is of no use, how a server is doing, where to
//! run one, and text analysis.

#[cfg(feature = "sdk")]
mod aws;
#[cfg(any(feature = "cost", feature = "operations"))]
mod closest;
#[cfg(feature = "cost")]
mod cost;
#[cfg(feature = "deploy")]
mod deploy;
#[cfg(feature = "operations")]
mod operations;
#[cfg(any(feature = "deploy", feature = "waste"))]
mod price;
#[cfg(feature = "text")]
mod text;
#[cfg(any(feature = "deploy", feature = "sdk"))]
mod usd;
#[cfg(feature = "waste")]
mod waste;

#[cfg(any(feature = "cost", feature = "deploy"))]
pub use mcp_charts::{ChartFormat, WithChart};

#[cfg(feature = "sdk")]
pub use crate::aws::{Aws, Identity, Whoami, iam_policy};
#[cfg(feature = "cost")]
pub use crate::cost::{
    AwsCostAnalyzer, AwsSimpleCostCheck, Billed, BudgetState, BudgetStatus, Budgets,
    CompareCostPeriods, CostAnalysis, CostAnomalies, CostAnomaly, CostBreakdown, CostCheck,
    CostComparison, CostDriver, CostForecast, Day, ForecastPeriod, GetBudgetStatus,
    GetCostAnomalies, GetCostBreakdown, GetCostForecast, Granularity, GroupBy, GroupCost, Metric,
    Period, PeriodCost, PeriodTotal, cost_pack,
};
#[cfg(feature = "deploy")]
pub use crate::deploy::{
    Architecture, BreakEven, CostLine, DeploymentCost, DeploymentCosts, DeploymentRecommendation,
    EstimateDeploymentCost, Impossible, Operations, PriceBook, PriceFileError, Prices, Priority,
    RankedDeployment, RecommendDeployment, Target, Workload, deploy_pack,
};
#[cfg(feature = "refresh")]
pub use crate::deploy::{
    KeptPrice, PriceChange, RefreshPrices, RefreshedPrices, refreshed_deploy_pack,
};
#[cfg(feature = "operations")]
pub use crate::operations::{
    Alarm, AlarmKind, AlarmState, AlarmStatus, ColdStartSource, ColdStarts, GetAlarmStatus,
    GetServerMetrics, LogEvent, LogTail, ServerKind, ServerMetrics, TailLogs, Tasks,
    operations_pack,
};
#[cfg(feature = "text")]
pub use crate::text::{
    AnalysisType, KeyPhrase, Polarity, ScoredSentence, Sentiment, Summary, TextAnalysis,
    TextAnalyzer, WordCount, text_pack,
};
#[cfg(any(feature = "deploy", feature = "sdk"))]
pub use crate::usd::Usd;
#[cfg(feature = "waste")]
pub use crate::waste::{
    CheckProblem, Confidence, Evidence, Finding, IdentifyUnusedResources, ListWasteChecks, Saving,
    ServiceWaste, WasteCheck, WasteChecks, WasteReport, waste_pack,
};
