//! Where to run a server, and what it costs there by AWS's list prices.

mod break_even;
mod estimate;
mod estimate_deployment_cost;
mod options;
mod prices;
mod recommend_deployment;
mod traits;
mod workload;

use mcp_core::ToolPack;

pub use self::{
    break_even::BreakEven,
    estimate::{CostLine, DeploymentCost, Impossible},
    estimate_deployment_cost::{DeploymentCosts, EstimateDeploymentCost},
    options::Target,
    prices::{PriceFileError, Prices},
    recommend_deployment::{
        DeploymentRecommendation, Operations, Priority, RankedDeployment, RecommendDeployment,
    },
    workload::{Architecture, Workload},
};

/// The tools about where to run a server. They use no network and no AWS account.
pub fn deploy_pack(prices: Prices) -> ToolPack<Prices> {
    ToolPack::new("deploy", prices).tool::<EstimateDeploymentCost>().tool::<RecommendDeployment>()
}
