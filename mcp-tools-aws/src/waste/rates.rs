//! What the resources that are found cost.

use std::{collections::BTreeMap, ops, sync::LazyLock};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Usd,
    price::{Price, age_warning, section},
};

/// Hours of a month, as AWS's calculator has them.
const HOURS: Decimal = Decimal::from_parts(730, 0, 0, false, 0);

/// What could be saved, by list prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Saving {
    /// US dollars a month.
    pub usd: Usd,
    /// How it comes to that: quantity, price, unit, and whose prices.
    pub how: String,
    /// Where AWS publishes the price.
    pub source: String,
}

/// What two parts cost together.
impl ops::Add for Saving {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let source = match self.source == other.source {
            true => self.source,
            false => format!("{} and {}", self.source, other.source),
        };
        Self { usd: self.usd + other.usd, how: format!("{} + {}", self.how, other.how), source }
    }
}

/// What one costs more than another.
impl ops::Sub for Saving {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let how = format!("{} - {}", self.how, other.how);
        Self { usd: self.usd - other.usd, how, source: self.source }
    }
}

impl Saving {
    /// What half of it costs.
    pub(super) fn half(self) -> Self {
        let usd = Usd::from(self.usd.amount() / Decimal::TWO);
        Self { usd, how: format!("half of {}", self.how), source: self.source }
    }
}

/// Bytes as AWS bills them: GB of 2^30.
pub(super) fn gigabytes(bytes: u64) -> Decimal {
    Decimal::from(bytes) / Decimal::from(1u64 << 30)
}

/// The prices of the file `prices/waste/us-east-1.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rates {
    region: String,
    pub(super) ebs: Ebs,
    pub(super) network: Network,
    pub(super) load_balancer: LoadBalancer,
    pub(super) rds: Rds,
    pub(super) lambda: Lambda,
    pub(super) storage: Storage,
    pub(super) dynamodb: DynamoDb,
    pub(super) security: Security,
    pub(super) compute: Compute,
    ec2_large: BTreeMap<String, Price>,
    rds_large: BTreeMap<String, Price>,
    elasticache_large: BTreeMap<String, Price>,
}

section!(Ebs { gp2, gp3, io1, io2, st1, sc1, standard, snapshot });
section!(Network { public_ipv4, nat_gateway, interface_endpoint });
section!(LoadBalancer { application, network, gateway, classic });
section!(Rds { storage, snapshot });
section!(Lambda { provisioned });
section!(Storage { s3_standard, logs, ecr });
section!(DynamoDb { read_unit, write_unit });
section!(Security { kms_key, secret });
section!(Compute { eks_cluster, fargate_vcpu, fargate_memory, alarm });

impl Rates {
    /// The prices that the crate carries.
    pub(super) fn built_in() -> &'static Self {
        static RATES: LazyLock<Rates> = LazyLock::new(|| {
            match toml::from_str(include_str!("../../prices/waste/us-east-1.toml")) {
                Ok(rates) => rates,
                // A test reads the file.
                Err(error) => panic!("{error}"),
            }
        });
        &RATES
    }

    /// What a month of so many units costs in a region.
    pub(super) fn monthly(&self, price: &Price, quantity: Decimal, region: &str) -> Saving {
        self.saving(
            price,
            price.cost(quantity),
            &format!("{}", quantity.round_dp(3).normalize()),
            region,
        )
    }

    /// What a month of so many units costs that are billed by the hour.
    pub(super) fn hourly(&self, price: &Price, quantity: Decimal, region: &str) -> Saving {
        let how = format!("{} x 730", quantity.round_dp(3).normalize());
        self.saving(price, price.cost(quantity * HOURS), &how, region)
    }

    /// What so many GB of snapshots cost at most: AWS bills what changed since the one before, which
    /// its answers do not tell.
    pub(super) fn at_most(&self, price: &Price, gigabytes: u32, region: &str) -> Saving {
        let saving = self.monthly(price, gigabytes.into(), region);
        Saving { how: format!("at most {}", saving.how), ..saving }
    }

    fn saving(&self, price: &Price, usd: Decimal, quantity: &str, region: &str) -> Saving {
        let mut how = format!("{quantity} x ${} per {}", price.first(), price.unit);
        if region != self.region {
            how.push_str(&format!(", at the prices of {}", self.region));
        }
        how.push_str(&format!(", seen {}", price.seen()));
        Saving { usd: Usd::from(usd), how, source: price.source.clone() }
    }

    /// A volume's price by its type.
    pub(super) fn volume(&self, kind: &str) -> &Price {
        match kind {
            "gp2" => &self.ebs.gp2,
            "io1" => &self.ebs.io1,
            "io2" => &self.ebs.io2,
            "st1" => &self.ebs.st1,
            "sc1" => &self.ebs.sc1,
            "standard" => &self.ebs.standard,
            _ => &self.ebs.gp3,
        }
    }

    /// What an EC2 instance costs, such as `m5.xlarge`, if its family is known.
    pub(super) fn instance(&self, kind: &str, region: &str) -> Option<Saving> {
        self.sized(&self.ec2_large, kind, Decimal::ONE, region)
    }

    /// What so many instances of RDS cost, such as `db.t4g.medium`.
    pub(super) fn database(&self, kind: &str, count: u32, region: &str) -> Option<Saving> {
        self.sized(&self.rds_large, kind.strip_prefix("db.")?, count.into(), region)
    }

    /// What so many nodes of ElastiCache cost, such as `cache.t4g.micro`.
    pub(super) fn cache_nodes(&self, kind: &str, count: u32, region: &str) -> Option<Saving> {
        self.sized(&self.elasticache_large, kind.strip_prefix("cache.")?, count.into(), region)
    }

    fn sized(
        &self,
        large: &BTreeMap<String, Price>,
        kind: &str,
        count: Decimal,
        region: &str,
    ) -> Option<Saving> {
        let (family, size) = kind.split_once('.')?;
        let quantity = count * larges(size)?;
        Some(self.hourly(large.get(family)?, quantity, region))
    }

    fn all(&self) -> impl Iterator<Item = &Price> {
        self.ebs
            .all()
            .chain(self.network.all())
            .chain(self.load_balancer.all())
            .chain(self.rds.all())
            .chain(self.lambda.all())
            .chain(self.storage.all())
            .chain(self.dynamodb.all())
            .chain(self.security.all())
            .chain(self.compute.all())
            .chain(self.ec2_large.values())
            .chain(self.rds_large.values())
            .chain(self.elasticache_large.values())
    }

    /// A warning, when the oldest price is too old.
    pub(super) fn age_warning(&self, today: NaiveDate) -> Option<String> {
        age_warning(self.all().map(Price::seen).min().unwrap_or_default(), today)
    }
}

/// How many `large` a size is; AWS's prices are in proportion.
fn larges(size: &str) -> Option<Decimal> {
    Some(match size {
        "nano" => Decimal::new(625, 4),
        "micro" => Decimal::new(125, 3),
        "small" => Decimal::new(25, 2),
        "medium" => Decimal::new(5, 1),
        "large" => Decimal::ONE,
        "xlarge" => Decimal::TWO,
        size => Decimal::TWO * Decimal::from(size.strip_suffix("xlarge")?.parse::<u8>().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(saving: Option<Saving>) -> String {
        saving.expect("a price").usd.to_string()
    }

    #[test]
    fn every_price_has_a_public_source_of_aws() {
        let rates = Rates::built_in();
        assert!(rates.all().count() > 50);
        for price in rates.all() {
            assert!(price.source.starts_with("https://aws.amazon.com/"), "{price:?}");
            assert!(price.first() > Decimal::ZERO, "{price:?}");
        }
    }

    #[test]
    fn sizes_are_in_proportion() {
        let rates = Rates::built_in();
        // The published hourly prices of t3.micro, m5.large and r6g.4xlarge, times 730.
        for (kind, monthly) in
            [("t3.micro", "$7.59"), ("m5.large", "$70.08"), ("r6g.4xlarge", "$588.67")]
        {
            assert_eq!(usd(rates.instance(kind, "us-east-1")), monthly, "{kind}");
        }
        assert_eq!(usd(rates.database("db.t4g.micro", 2, "us-east-1")), "$23.54");
        for unknown in ["p4d.24xlarge", "m5.metal", "m5", "", "m5.999xlarge"] {
            assert_eq!(rates.instance(unknown, "us-east-1"), None, "{unknown}");
        }
    }

    #[test]
    fn an_estimate_says_how_it_was_made_and_whose_prices_it_has() {
        let rates = Rates::built_in();
        let here = rates.monthly(&rates.ebs.gp2, 100.into(), "us-east-1");
        assert_eq!(
            (here.usd.to_string(), here.how.as_str()),
            ("$10.00".to_owned(), "100 x $0.10 per GB-month, seen 2026-11-21")
        );
        let there = rates.hourly(&rates.network.nat_gateway, 1.into(), "eu-west-1");
        assert!(there.how.contains("at the prices of us-east-1"), "{}", there.how);
        assert_eq!(there.usd.to_string(), "$32.85");
    }

    #[test]
    fn prices_that_are_a_year_old_warn() {
        let rates = Rates::built_in();
        assert_eq!(rates.age_warning("2027-04-01".parse().expect("a date")), None);
        assert!(rates.age_warning("2027-04-02".parse().expect("a date")).is_some());
    }
}
