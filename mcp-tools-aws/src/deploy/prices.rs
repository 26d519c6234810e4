use std::{fmt, sync::OnceLock};

use chrono::NaiveDate;
use mcp_core::{ToolError, ToolErrorKind};
use serde::Deserialize;

use super::Architecture;
use crate::price::{Price, age_warning, section};

/// List prices of AWS in some regions.
///
/// The crate carries those of us-east-1. A server that knows better prices, or those of other
/// regions, reads them from files of the same form: see `prices/us-east-1.toml` in the crate's
/// source. `refresh_prices` (feature `refresh`) makes such a file for any region.
///
/// ```
/// use mcp_tools_aws::Prices;
///
/// let prices = Prices::built_in();
/// assert_eq!(prices.regions().collect::<Vec<_>>(), ["us-east-1"]);
/// ```
#[derive(Clone, Debug)]
pub struct Prices {
    regions: Vec<RegionPrices>,
    /// Whether `refresh_prices` can add regions.
    refreshable: bool,
}

/// A price file is not one.
#[derive(Debug)]
pub struct PriceFileError(Box<str>);

impl fmt::Display for PriceFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PriceFileError {}

impl Prices {
    /// The prices that the crate carries.
    ///
    /// # Panics
    ///
    /// Never: a test reads the file.
    pub fn built_in() -> Self {
        static BUILT_IN: OnceLock<Prices> = OnceLock::new();
        BUILT_IN
            .get_or_init(|| match Self::empty().with(include_str!("../../prices/us-east-1.toml")) {
                Ok(prices) => prices,
                Err(error) => panic!("{error}"),
            })
            .clone()
    }

    /// No prices yet.
    pub fn empty() -> Self {
        Self { regions: Vec::new(), refreshable: false }
    }

    /// Adds a region's prices from the text of a file, in the place of those that are known.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, lacks a price, or has one that is no price.
    pub fn with(mut self, file: &str) -> Result<Self, PriceFileError> {
        let prices: RegionPrices =
            toml::from_str(file).map_err(|error| PriceFileError(error.to_string().into()))?;
        self.regions.retain(|known| known.region != prices.region);
        self.regions.push(prices);
        Ok(self)
    }

    /// The regions whose prices are known.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().map(|prices| prices.region.as_str())
    }

    /// These prices with those of a region replaced.
    #[cfg(feature = "refresh")]
    pub(super) fn replaced(&self, prices: RegionPrices) -> Self {
        let others = self.regions.iter().filter(|known| known.region != prices.region);
        let mut regions: Vec<RegionPrices> = others.cloned().collect();
        regions.push(prices);
        Self { regions, ..*self }
    }

    /// These prices, of which a region that is not known can be asked of `refresh_prices`.
    #[cfg(feature = "refresh")]
    pub(super) fn refreshable(self) -> Self {
        Self { refreshable: true, ..self }
    }

    #[cfg(feature = "refresh")]
    pub(super) fn first(&self) -> Option<&RegionPrices> {
        self.regions.first()
    }

    pub(super) fn of(&self, region: &str) -> Option<&RegionPrices> {
        self.regions.iter().find(|prices| prices.region == region)
    }

    /// What to do about a region whose prices are not known.
    pub(super) fn unknown(&self, region: &str) -> ToolError {
        let known: Vec<&str> = self.regions().collect();
        let advice = match self.refreshable {
            true => {
                "refresh_prices reads those of a region from AWS's public Price List: call it with \
                 this region, then ask again."
            }
            false => {
                "The server's operator adds a region with a price file, which refresh_prices of a \
                 server that has it makes."
            }
        };
        let message = format!(
            "There are no prices of the region {:?}. There are those of: {}. {advice}",
            region.chars().take(32).collect::<String>(),
            known.join(", ")
        );
        ToolError::new(ToolErrorKind::NotFound, message)
    }
}

/// The prices of one region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionPrices {
    pub(super) region: String,
    /// The prices that are those of another region, as this region's were not to be had: by their
    /// places, and what is to be told of them.
    pub(super) borrowed: Option<Borrowed>,
    pub(super) lambda: Lambda,
    pub(super) api_gateway: ApiGateway,
    pub(super) load_balancer: LoadBalancer,
    pub(super) fargate: Fargate,
    pub(super) eks: Eks,
    #[serde(default)]
    pub(super) instances: Vec<Instance>,
    pub(super) storage: Storage,
    /// Missing where AgentCore is not sold.
    pub(super) agentcore: Option<AgentCore>,
    pub(super) network: Network,
    pub(super) logs: Logs,
}

section!(Lambda {
    requests,
    duration_x86,
    duration_arm,
    provisioned_x86,
    provisioned_arm,
    provisioned_duration_x86,
    provisioned_duration_arm,
    streamed,
});
section!(ApiGateway { http, rest, websocket_messages, websocket_minutes });
section!(LoadBalancer { hours, capacity });
section!(Fargate { vcpu_x86, memory_x86, vcpu_arm, memory_arm, spot_share });
section!(Eks { cluster });
section!(Storage { gp3 });
section!(AgentCore { vcpu, memory });
section!(Network { public_ipv4, nat_hours, nat_data, transfer_out });
section!(Logs { lambda, other });

/// Prices of another region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Borrowed {
    /// The other region.
    pub(super) from: String,
    /// Which, by their places in the file, such as "logs.lambda".
    pub(super) prices: Vec<String>,
}

/// An instance type of EC2.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) architecture: Architecture,
    pub(super) vcpu: u32,
    pub(super) memory_mb: u32,
    pub(super) price: Price,
}

impl RegionPrices {
    fn all(&self) -> impl Iterator<Item = &Price> {
        self.lambda
            .all()
            .chain(self.api_gateway.all())
            .chain(self.load_balancer.all())
            .chain(self.fargate.all())
            .chain(self.eks.all())
            .chain(self.storage.all())
            .chain(self.agentcore.iter().flat_map(AgentCore::all))
            .chain(self.network.all())
            .chain(self.logs.all())
            .chain(self.instances.iter().map(|instance| &instance.price))
    }

    /// All prices, by their places in the file.
    #[cfg(feature = "refresh")]
    pub(super) fn each(&mut self) -> impl Iterator<Item = (String, &mut Price)> {
        fn of<'a>(
            section: &'static str,
            prices: impl Iterator<Item = (&'static str, &'a mut Price)>,
        ) -> impl Iterator<Item = (String, &'a mut Price)> {
            prices.map(move |(name, price)| (format!("{section}.{name}"), price))
        }
        let instances = self.instances.iter_mut();
        of("lambda", self.lambda.each())
            .chain(of("api_gateway", self.api_gateway.each()))
            .chain(of("load_balancer", self.load_balancer.each()))
            .chain(of("fargate", self.fargate.each()))
            .chain(of("eks", self.eks.each()))
            .chain(of("storage", self.storage.each()))
            .chain(of("agentcore", self.agentcore.iter_mut().flat_map(AgentCore::each)))
            .chain(of("network", self.network.each()))
            .chain(of("logs", self.logs.each()))
            .chain(instances.map(|it| (format!("instances.{}", it.name), &mut it.price)))
    }

    /// The day on which the price that was checked longest ago was seen.
    pub(super) fn as_of(&self) -> NaiveDate {
        self.all().map(Price::seen).min().unwrap_or_default()
    }

    /// A warning, when the prices are old, or some are another region's.
    pub(super) fn warning(&self, today: NaiveDate) -> Option<String> {
        let borrowed = self.borrowed.as_ref().map(|Borrowed { from, prices }| {
            format!("Some prices are those of {from}: {}.", prices.join(", "))
        });
        let warnings: Vec<String> =
            age_warning(self.as_of(), today).into_iter().chain(borrowed).collect();
        (!warnings.is_empty()).then(|| warnings.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    const FILE: &str = include_str!("../../prices/us-east-1.toml");

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn every_built_in_price_has_a_public_source_of_aws() {
        let prices = Prices::built_in();
        let prices = prices.of("us-east-1").expect("us-east-1");
        assert!(prices.all().count() > 30);
        for price in prices.all() {
            assert!(price.source.starts_with("https://aws.amazon.com/"), "{price:?}");
            assert!(price.first() > Decimal::ZERO, "{price:?}");
        }
    }

    #[test]
    fn a_tier_counts_only_for_what_is_in_it() {
        let prices = Prices::built_in();
        let transfer = &prices.of("us-east-1").expect("us-east-1").network.transfer_out;
        for (gb, usd) in [("0", "0"), ("1", "0.09"), ("10240", "921.6"), ("10241", "921.685")] {
            assert_eq!(transfer.cost(gb.parse().unwrap()), usd.parse().unwrap(), "{gb}");
        }
    }

    #[test]
    fn prices_that_are_a_year_old_warn() {
        let prices = Prices::built_in();
        let prices = prices.of("us-east-1").expect("us-east-1");
        assert_eq!(prices.as_of(), day("2026-03-31"));
        assert_eq!(prices.warning(day("2027-03-31")), None);
        let warning = prices.warning(day("2027-04-01")).expect("a warning");
        assert!(warning.contains("2026-03-31"), "{warning}");
    }

    #[test]
    fn a_file_replaces_a_region_and_adds_another() {
        let ireland = FILE.replace("region = \"us-east-1\"", "region = \"eu-west-1\"");
        let prices = Prices::built_in().with(&ireland).unwrap().with(FILE).unwrap();
        assert_eq!(prices.regions().collect::<Vec<_>>(), ["eu-west-1", "us-east-1"]);
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_where_it_is() {
        for (good, bad, expected) in [
            ("usd = \"0.0225\"", "usd = \"free\"", "expected a decimal of zero or more"),
            ("usd = \"0.0225\"", "usd = \"-1\"", "expected a decimal of zero or more"),
            ("[\"300000000\", ", "[\"\", ", "tiers rise"),
            ("[eks]", "[elephants]", "elephants"),
            ("gp3 =", "gp4 =", "gp4"),
            ("seen = 2026-05-03", "seen = 05:00:00", "`seen` is a date"),
        ] {
            let error = Prices::empty().with(&FILE.replace(good, bad)).expect_err(bad).to_string();
            assert!(error.contains(expected), "{bad}: {error}");
            assert!(error.contains("line"), "{error}");
        }
    }
}
