//! Prices as files have them: a line each, with its source and the day it was seen.

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde::Deserialize;

/// How old prices may be before answers warn of it, in days.
const OLD_AFTER_DAYS: u64 = 365;

/// A section of the file: what it sells, by name.
macro_rules! section {
    ($name:ident { $($price:ident),+ $(,)? }) => {
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $price: $crate::price::Price,)+
        }

        impl $name {
            /// The prices with their names in the file.
            #[cfg(feature = "refresh")]
            #[allow(dead_code, reason = "prices of waste are not refreshed")]
            fn each(
                &mut self,
            ) -> impl Iterator<Item = (&'static str, &mut $crate::price::Price)> {
                [$((stringify!($price), &mut self.$price)),+].into_iter()
            }

            fn all(&self) -> impl Iterator<Item = &$crate::price::Price> {
                [$(&self.$price),+].into_iter()
            }
        }
    };
}

pub(crate) use section;

/// What a unit of something costs.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "PriceLine")]
pub(crate) struct Price {
    /// By how much is bought in a month; the last has no limit.
    tiers: Vec<Tier>,
    pub(crate) unit: String,
    pub(crate) source: String,
    seen: NaiveDate,
    #[cfg(feature = "refresh")]
    usage_type: String,
    #[cfg(feature = "refresh")]
    offer: Option<String>,
    #[cfg(feature = "refresh")]
    operation: Option<String>,
}

/// Where the Price List has a price.
#[cfg(feature = "refresh")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    /// The code of the offer, such as `AWSLambda`.
    pub(crate) offer: &'a str,
    pub(crate) usage_type: &'a str,
    /// Where several prices have one usage type.
    pub(crate) operation: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tier {
    pub(crate) up_to: Option<Decimal>,
    pub(crate) usd: Decimal,
}

/// A price as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceLine {
    usd: Option<String>,
    tiers: Option<Vec<(String, String)>>,
    unit: String,
    source: String,
    /// Where the Price List has it; the offer is missing where it is not to be read from there.
    #[cfg_attr(not(feature = "refresh"), expect(dead_code, reason = "for refreshing"))]
    usage_type: String,
    #[cfg_attr(not(feature = "refresh"), expect(dead_code, reason = "for refreshing"))]
    offer: Option<String>,
    #[cfg_attr(not(feature = "refresh"), expect(dead_code, reason = "for refreshing"))]
    operation: Option<String>,
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
        check(&tiers)?;
        let seen = line.seen.date.and_then(|date| {
            NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
        });
        let seen = seen.ok_or("`seen` is a date, such as 2026-07-15")?;
        Ok(Self {
            tiers,
            unit: line.unit,
            source: line.source,
            seen,
            #[cfg(feature = "refresh")]
            usage_type: line.usage_type,
            #[cfg(feature = "refresh")]
            offer: line.offer,
            #[cfg(feature = "refresh")]
            operation: line.operation,
        })
    }
}

/// Each tier begins where the one before ends.
fn check(tiers: &[Tier]) -> Result<(), String> {
    let rises = tiers.windows(2).all(|pair| match (pair[0].up_to, pair[1].up_to) {
        (Some(low), Some(high)) => low < high,
        (Some(_), None) => true,
        (None, _) => false,
    });
    if !rises || tiers.last().is_none_or(|last| last.up_to.is_some()) {
        return Err("tiers rise, and the last one has no limit (\"\")".to_owned());
    }
    Ok(())
}

impl Price {
    /// When the price was last seen stated.
    pub(crate) fn seen(&self) -> NaiveDate {
        self.seen
    }

    /// What a month's quantity costs.
    pub(crate) fn cost(&self, quantity: Decimal) -> Decimal {
        let mut cost = Decimal::ZERO;
        let mut below = Decimal::ZERO;
        for tier in &self.tiers {
            let top = tier.up_to.map_or(quantity, |up_to| quantity.min(up_to));
            cost += (top - below).max(Decimal::ZERO) * tier.usd;
            below = tier.up_to.unwrap_or(quantity);
        }
        cost
    }

    #[cfg(feature = "refresh")]
    pub(crate) fn listed(&self) -> Option<Listed<'_>> {
        Some(Listed {
            offer: self.offer.as_deref()?,
            usage_type: &self.usage_type,
            operation: self.operation.as_deref(),
        })
    }

    #[cfg(feature = "refresh")]
    pub(crate) fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// Names another place where the price is published.
    #[cfg(feature = "refresh")]
    pub(crate) fn published_at(&mut self, source: String) {
        self.source = source;
    }

    /// Takes over what has been seen on a day.
    #[cfg(feature = "refresh")]
    pub(crate) fn refresh(&mut self, tiers: Vec<Tier>, seen: NaiveDate) -> Result<(), String> {
        check(&tiers)?;
        (self.tiers, self.seen) = (tiers, seen);
        Ok(())
    }

    /// As a line of a file has it.
    #[cfg(feature = "refresh")]
    pub(crate) fn to_line(&self) -> String {
        let usd = match self.tiers.as_slice() {
            [Tier { up_to: None, usd }] => format!("usd = \"{usd}\""),
            tiers => {
                let tiers = tiers.iter().map(|Tier { up_to, usd }| {
                    let up_to = up_to.map(|up_to| up_to.to_string()).unwrap_or_default();
                    format!("[\"{up_to}\", \"{usd}\"]")
                });
                format!("tiers = [{}]", tiers.collect::<Vec<_>>().join(", "))
            }
        };
        // A string of JSON is one of TOML.
        let text =
            |name: &str, value: &str| format!(", {name} = {}", serde_json::Value::from(value));
        let offer = self.offer.as_deref().map(|offer| text("offer", offer));
        let operation = self.operation.as_deref().map(|operation| text("operation", operation));
        format!(
            "{{ {usd}{}{}{}{}{}, seen = {} }}",
            text("unit", &self.unit),
            text("source", &self.source),
            offer.unwrap_or_default(),
            operation.unwrap_or_default(),
            text("usage_type", &self.usage_type),
            self.seen
        )
    }

    /// The price of the first unit.
    pub(crate) fn first(&self) -> Decimal {
        self.tiers[0].usd
    }
}

/// A warning, when the oldest price was seen too long ago.
pub(crate) fn age_warning(as_of: NaiveDate, today: NaiveDate) -> Option<String> {
    let old = as_of.checked_add_days(Days::new(OLD_AFTER_DAYS)).is_none_or(|old| old < today);
    old.then(|| {
        format!(
            "Some prices were last checked on {as_of}, more than {OLD_AFTER_DAYS} days ago; compare \
             with the sources before relying on them."
        )
    })
}
