use std::sync::Arc;

use super::{Cost, Filter};

/// A question: which two products are in the same orders.
///
/// Order lines of returns (units below one) do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AffinityQuery {
    /// Which order lines count. Its product, if there is one, is one of each pair.
    pub filter: Filter,
    /// How many pairs are wanted.
    pub limit: usize,
}

/// What an engine answers to an [`AffinityQuery`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Affinity {
    /// How many orders count.
    pub orders: u64,
    /// The pairs that are in most orders together, most first, then by names.
    pub pairs: Vec<ProductPair>,
    /// How many pairs there are.
    pub count: u64,
    /// What the answer cost, where answers cost money.
    pub cost: Option<Cost>,
}

/// Two products and the orders that they are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductPair {
    /// One: that which was asked for, or the first by name.
    pub product: Arc<str>,
    /// The other.
    pub other: Arc<str>,
    /// How many orders have both.
    pub together: u64,
    /// How many orders have the one.
    pub orders: u64,
    /// How many orders have the other.
    pub other_orders: u64,
}
