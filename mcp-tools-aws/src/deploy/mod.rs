//! Where to run a server, and what it costs there by AWS's list prices.

mod break_even;
mod chart;
mod estimate;
mod estimate_deployment_cost;
#[cfg(feature = "refresh")]
mod new_region;
#[cfg(feature = "refresh")]
mod offer;
mod options;
mod price_book;
#[cfg(feature = "refresh")]
mod price_file;
#[cfg(feature = "refresh")]
mod price_list;
mod prices;
mod recommend_deployment;
#[cfg(feature = "refresh")]
mod refresh_prices;
mod traits;
mod workload;

use mcp_core::ToolPack;

pub use self::{
    break_even::BreakEven,
    estimate::{CostLine, DeploymentCost, Impossible},
    estimate_deployment_cost::{DeploymentCosts, EstimateDeploymentCost},
    options::Target,
    price_book::PriceBook,
    prices::{PriceFileError, Prices},
    recommend_deployment::{
        DeploymentRecommendation, Operations, Priority, RankedDeployment, RecommendDeployment,
    },
    workload::{Architecture, Workload},
};

#[cfg(feature = "refresh")]
pub use self::refresh_prices::{KeptPrice, PriceChange, RefreshPrices, RefreshedPrices};

/// The tools about where to run a server. They use no network and no AWS account.
pub fn deploy_pack(prices: Prices) -> ToolPack<PriceBook> {
    pack(PriceBook::new(prices))
}

/// The same with `refresh_prices`, which reads the public Price List, without credentials: what it
/// finds counts until the process ends.
#[cfg(feature = "refresh")]
pub fn refreshed_deploy_pack(prices: Prices, aws: crate::Aws) -> ToolPack<PriceBook> {
    pack(PriceBook::refreshed_by(prices, aws)).tool::<RefreshPrices>()
}

fn pack(prices: PriceBook) -> ToolPack<PriceBook> {
    ToolPack::new("deploy", prices).tool::<EstimateDeploymentCost>().tool::<RecommendDeployment>()
}
