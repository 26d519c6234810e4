//! A tool pack about AWS: what things cost, where to run a server, and text analysis.

#[cfg(feature = "cost")]
mod aws;
#[cfg(feature = "cost")]
mod cost;
#[cfg(feature = "deploy")]
mod deploy;
#[cfg(feature = "text")]
mod text;
#[cfg(any(feature = "deploy", feature = "cost"))]
mod usd;

#[cfg(feature = "deploy")]
pub use crate::deploy::{
    Architecture, BreakEven, CostLine, DeploymentCost, DeploymentCosts, DeploymentRecommendation,
    EstimateDeploymentCost, Impossible, Operations, PriceFileError, Prices, Priority,
    RankedDeployment, RecommendDeployment, Target, Workload, deploy_pack,
};
#[cfg(feature = "text")]
pub use crate::text::{
    AnalysisType, KeyPhrase, Polarity, ScoredSentence, Sentiment, Summary, TextAnalysis,
    TextAnalyzer, WordCount, text_pack,
};
#[cfg(any(feature = "deploy", feature = "cost"))]
pub use crate::usd::Usd;
#[cfg(feature = "cost")]
pub use crate::{
    aws::{Aws, Identity, Whoami, iam_policy},
    cost::{
        AwsCostAnalyzer, AwsSimpleCostCheck, Billed, BudgetState, BudgetStatus, Budgets,
        CompareCostPeriods, CostAnalysis, CostAnomalies, CostAnomaly, CostBreakdown, CostCheck,
        CostComparison, CostDriver, CostForecast, Day, ForecastPeriod, GetBudgetStatus,
        GetCostAnomalies, GetCostBreakdown, GetCostForecast, Granularity, GroupBy, GroupCost,
        Metric, Period, PeriodCost, PeriodTotal, cost_pack,
    },
};
