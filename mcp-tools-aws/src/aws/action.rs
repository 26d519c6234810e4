#[cfg(feature = "cost")]
use rust_decimal::Decimal;

#[cfg(feature = "cost")]
use crate::Usd;

/// Everything that the tools ask of AWS. Nothing is asked that is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    GetCallerIdentity,
    GetCostAndUsage,
    GetCostForecast,
    GetAnomalies,
    DescribeBudgets,
}

/// A service, as limits and failures are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Sts,
    CostExplorer,
    Budgets,
}

impl Action {
    pub(crate) const ALL: [Self; 5] = [
        Self::GetCallerIdentity,
        Self::GetCostAndUsage,
        Self::GetCostForecast,
        Self::GetAnomalies,
        Self::DescribeBudgets,
    ];

    /// The action that a policy of IAM has to allow.
    pub(crate) const fn iam(self) -> &'static str {
        match self {
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
            Self::GetCostAndUsage => "ce:GetCostAndUsage",
            Self::GetCostForecast => "ce:GetCostForecast",
            Self::GetAnomalies => "ce:GetAnomalies",
            // Budgets names its permissions otherwise than its operations.
            Self::DescribeBudgets => "budgets:ViewBudget",
        }
    }

    pub(crate) const fn service(self) -> Service {
        match self {
            Self::GetCallerIdentity => Service::Sts,
            Self::GetCostAndUsage | Self::GetCostForecast | Self::GetAnomalies => {
                Service::CostExplorer
            }
            Self::DescribeBudgets => Service::Budgets,
        }
    }
}

impl Service {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sts => "STS",
            Self::CostExplorer => "Cost Explorer",
            Self::Budgets => "AWS Budgets",
        }
    }

    /// How many requests go to it at once. Cost Explorer throttles accounts early.
    pub(crate) const fn concurrency(self) -> usize {
        match self {
            Self::Sts | Self::Budgets => 4,
            Self::CostExplorer => 2,
        }
    }
}

#[cfg(feature = "cost")]
/// What AWS bills for a request to Cost Explorer, a page each:
/// <https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/>.
pub(crate) fn cost_explorer_requests(requests: u32) -> Usd {
    Usd::from(Decimal::new(i64::from(requests), 2))
}
