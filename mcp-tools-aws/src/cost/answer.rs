//! What answers have in common.

use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Usd, aws::cost_explorer_requests};

/// What it cost to find out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Billed {
    /// How many requests to Cost Explorer this call made; none where the answer was kept from an
    /// earlier call.
    pub requests: u32,
    /// What AWS bills for them, in US dollars: $0.01 each.
    pub usd: Usd,
}

impl Billed {
    pub(super) fn new(requests: u32) -> Self {
        Self { requests, usd: cost_explorer_requests(requests) }
    }

    /// A sentence.
    pub(super) fn to_text(&self) -> String {
        match self.requests {
            0 => "Answered from the cache; no request was made.".to_owned(),
            1 => format!("One request to Cost Explorer: {}.", self.usd),
            requests => format!("{requests} requests to Cost Explorer: {}.", self.usd),
        }
    }
}

/// What one service, region, account and so on costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupCost {
    /// Its name.
    pub name: String,
    /// What it comes to, in US dollars.
    pub usd: Usd,
    /// Its share of the total, in percent.
    pub percent: f64,
}

impl GroupCost {
    /// The greatest groups, and one of all others.
    pub(super) fn top(groups: Vec<(String, Usd)>, total: Usd, limit: usize) -> Vec<Self> {
        let rest: Usd = groups.iter().skip(limit).map(|(_, amount)| *amount).sum();
        let others = groups.len().saturating_sub(limit);
        let mut top: Vec<Self> = groups
            .into_iter()
            .take(limit)
            .map(|(name, usd)| Self { name, usd, percent: percent(usd, total) })
            .collect();
        if others > 0 {
            let name = format!("{others} others");
            top.push(Self { name, usd: rest, percent: percent(rest, total) });
        }
        top
    }
}

/// A part of a whole in percent, to one decimal.
pub(super) fn percent(part: Usd, whole: Usd) -> f64 {
    let share = part.amount().checked_div(whole.amount()).unwrap_or_default();
    (share * Decimal::ONE_HUNDRED).round_dp(1).to_f64().unwrap_or_default()
}
