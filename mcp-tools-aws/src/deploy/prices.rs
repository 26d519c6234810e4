use std::{fmt, sync::OnceLock};

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::Architecture;

/// How old prices may be before answers warn of it, in days.
const OLD_AFTER_DAYS: u64 = 365;

/// List prices of AWS in some regions.
///
/// The crate carries those of us-east-1. A server that knows better prices, or those of other
/// regions, reads them from files of the same form: see `prices/us-east-1.toml` in the crate's
/// source.
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
        Self { regions: Vec::new() }
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

    pub(super) fn of(&self, region: &str) -> Option<&RegionPrices> {
        self.regions.iter().find(|prices| prices.region == region)
    }
}

/// The prices of one region.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionPrices {
    pub(super) region: String,
    pub(super) lambda: Lambda,
    pub(super) api_gateway: ApiGateway,
    pub(super) load_balancer: LoadBalancer,
    pub(super) fargate: Fargate,
    pub(super) eks: Eks,
    pub(super) instances: Vec<Instance>,
    pub(super) storage: Storage,
    pub(super) agentcore: AgentCore,
    pub(super) network: Network,
    pub(super) logs: Logs,
}

/// A section of the file: what it sells, by name.
macro_rules! section {
    ($name:ident { $($price:ident),+ $(,)? }) => {
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $price: Price,)+
        }

        impl $name {
            fn all(&self) -> impl Iterator<Item = &Price> {
                [$(&self.$price),+].into_iter()
            }
        }
    };
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

/// What a unit of something costs.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "PriceLine")]
pub(super) struct Price {
    /// By how much is bought in a month; the last has no limit.
    tiers: Vec<Tier>,
    pub(super) unit: String,
    pub(super) source: String,
    seen: NaiveDate,
}

#[derive(Clone, Debug)]
struct Tier {
    up_to: Option<Decimal>,
    usd: Decimal,
}

/// A price as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceLine {
    usd: Option<String>,
    tiers: Option<Vec<(String, String)>>,
    unit: String,
    source: String,
    /// Where a refreshed price is found in the Price List.
    #[expect(dead_code, reason = "for people, until prices are refreshed")]
    usage_type: String,
    seen: toml::value::Datetime,
}

impl TryFrom<PriceLine> for Price {
    type Error = String;

    fn try_from(line: PriceLine) -> Result<Self, String> {
        let decimal = |text: &str| {
            let number = text.parse::<Decimal>().ok().filter(|number| !number.is_sign_negative());
            number.ok_or_else(|| format!("expected a decimal of zero or more, found {text:?}"))
        };
        let tiers = match (line.usd, line.tiers) {
            (Some(usd), None) => vec![Tier { up_to: None, usd: decimal(&usd)? }],
            (None, Some(tiers)) => tiers
                .iter()
                .map(|(up_to, usd)| {
                    let up_to = (!up_to.is_empty()).then(|| decimal(up_to)).transpose()?;
                    Ok(Tier { up_to, usd: decimal(usd)? })
                })
                .collect::<Result<_, String>>()?,
            _ => return Err("a price has either `usd` or `tiers`".to_owned()),
        };
        let rises = tiers.windows(2).all(|pair| match (pair[0].up_to, pair[1].up_to) {
            (Some(low), Some(high)) => low < high,
            (Some(_), None) => true,
            (None, _) => false,
        });
        if !rises || tiers.last().is_none_or(|last| last.up_to.is_some()) {
            return Err("tiers rise, and the last one has no limit (\"\")".to_owned());
        }
        let seen = line.seen.date.and_then(|date| {
            NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
        });
        let seen = seen.ok_or("`seen` is a date, such as 2026-07-15")?;
        Ok(Self { tiers, unit: line.unit, source: line.source, seen })
    }
}

impl Price {
    /// What a month's quantity costs.
    pub(super) fn cost(&self, quantity: Decimal) -> Decimal {
        let mut cost = Decimal::ZERO;
        let mut below = Decimal::ZERO;
        for tier in &self.tiers {
            let top = tier.up_to.map_or(quantity, |up_to| quantity.min(up_to));
            cost += (top - below).max(Decimal::ZERO) * tier.usd;
            below = tier.up_to.unwrap_or(quantity);
        }
        cost
    }

    /// The price of the first unit.
    pub(super) fn first(&self) -> Decimal {
        self.tiers[0].usd
    }
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
            .chain(self.agentcore.all())
            .chain(self.network.all())
            .chain(self.logs.all())
            .chain(self.instances.iter().map(|instance| &instance.price))
    }

    /// The day on which the price that was checked longest ago was seen.
    pub(super) fn as_of(&self) -> NaiveDate {
        self.all().map(|price| price.seen).min().unwrap_or_default()
    }

    /// A warning, when the prices are old.
    pub(super) fn age_warning(&self, today: NaiveDate) -> Option<String> {
        let as_of = self.as_of();
        let old = as_of.checked_add_days(Days::new(OLD_AFTER_DAYS)).is_none_or(|old| old < today);
        old.then(|| {
            format!(
                "Some prices were last checked on {as_of}, more than {OLD_AFTER_DAYS} days ago; \
                 compare with the sources before relying on them."
            )
        })
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(prices.age_warning(day("2027-03-31")), None);
        let warning = prices.age_warning(day("2027-04-01")).expect("a warning");
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
