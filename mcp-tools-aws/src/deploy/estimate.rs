use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::{Usd, price::Price};

/// What a month at one place costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentCost {
    /// The place.
    pub target: Target,
    /// The place's name for people.
    pub name: String,
    /// A month at list prices, without any free tier, in US dollars.
    pub monthly_usd: Usd,
    /// The same when the account uses the always-free tiers for nothing else (Lambda: one million
    /// requests and 400,000 GB-seconds; 100 GB of data transfer).
    pub monthly_usd_with_free_tier: Usd,
    /// What it is made of.
    pub lines: Vec<CostLine>,
    /// What was assumed, and what to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostLine {
    /// What is paid for.
    pub item: String,
    /// How much of it a month.
    pub quantity: f64,
    /// What the quantity is counted in.
    pub unit: String,
    /// The price of the first unit, in US dollars; further ones may be cheaper.
    pub unit_price: String,
    /// What the line comes to, in US dollars.
    pub usd: Usd,
    /// Where AWS publishes the price.
    pub source: String,
}

/// A place where the server cannot run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Impossible {
    /// The place.
    pub target: Target,
    /// Why.
    pub reason: String,
}

/// A bill that is being written.
#[derive(Debug, Default)]
pub(super) struct Bill {
    lines: Vec<CostLine>,
    total: Decimal,
    free: Decimal,
    notes: Vec<String>,
}

impl Bill {
    /// Adds a line, unless it is of nothing.
    pub(super) fn add(&mut self, item: &str, price: &Price, quantity: Decimal) {
        self.add_with_free(item, price, quantity, Decimal::ZERO);
    }

    /// Adds a line, some of which is free in every account's every month.
    pub(super) fn add_with_free(
        &mut self,
        item: &str,
        price: &Price,
        quantity: Decimal,
        free: Decimal,
    ) {
        self.free += price.cost(quantity) - price.cost((quantity - free).max(Decimal::ZERO));
        self.add_cost(item, price, quantity, price.cost(quantity));
    }

    /// Adds a line whose cost is not simply that of its quantity.
    pub(super) fn add_cost(&mut self, item: &str, price: &Price, quantity: Decimal, cost: Decimal) {
        if quantity.is_zero() {
            return;
        }
        self.total += cost;
        self.lines.push(CostLine {
            item: item.to_owned(),
            quantity: quantity.round_dp(4).to_f64().unwrap_or(f64::MAX),
            unit: price.unit.clone(),
            unit_price: price.first().normalize().to_string(),
            usd: cost.into(),
            source: price.source.clone(),
        });
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(super) fn total(&self) -> Decimal {
        self.total
    }

    pub(super) fn finish(self, target: Target) -> DeploymentCost {
        DeploymentCost {
            target,
            name: target.name().to_owned(),
            monthly_usd: self.total.into(),
            monthly_usd_with_free_tier: (self.total - self.free).into(),
            lines: self.lines,
            notes: self.notes,
        }
    }
}
