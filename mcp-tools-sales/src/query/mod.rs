//! What can be asked of sales, and how it is answered: the one model that every tool is written on
//! and every engine answers.

mod affinity;
mod answer;
mod date;
mod dimension;
mod filter;
mod grain;
mod measure;
mod money;
mod series;

pub use self::{
    affinity::{Affinity, AffinityQuery, ProductPair},
    answer::{Answer, Cost, Row, Totals},
    date::{Date, ParseDateError},
    dimension::Dimension,
    filter::Filter,
    grain::Grain,
    measure::Measure,
    money::{Money, ParseMoneyError},
    series::{Point, Series},
};

/// A question: which order lines count, what they are grouped by, and which groups are wanted.
///
/// An answer has a [`Row`] for each group that has order lines, with all [`Totals`] of it.
///
/// ```
/// use mcp_tools_sales::{Dimension, Filter, Grain, Measure, Order, Query};
///
/// // The five products of Dallas with most units, for each quarter that had sales of them.
/// let query = Query::new(Filter { operation: Some("Dallas".into()), ..Filter::default() })
///     .by(Dimension::Product)
///     .grain(Grain::Quarter)
///     .order(Order::Largest(Measure::Units))
///     .limit(5);
/// # drop(query);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    pub(crate) filter: Filter,
    pub(crate) by: Vec<Dimension>,
    pub(crate) grain: Option<Grain>,
    pub(crate) order: Order,
    pub(crate) limit: Option<usize>,
}

/// Which groups come first. Those that are equal come by period and then by their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// The earliest period first, then by names in the order of their code points.
    #[default]
    Name,
    /// Those with most of a measure first.
    Largest(Measure),
    /// Those with least of a measure first.
    Smallest(Measure),
}

impl Query {
    /// Asks for the totals of the order lines that a filter lets through, as one group.
    pub fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Groups by a dimension too. A dimension that is there already is not added again.
    #[must_use]
    pub fn by(mut self, dimension: Dimension) -> Self {
        if !self.by.contains(&dimension) {
            self.by.push(dimension);
        }
        self
    }

    /// Groups by periods of time too.
    #[must_use]
    pub fn grain(mut self, grain: Grain) -> Self {
        self.grain = Some(grain);
        self
    }

    /// Sets which groups come first.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Wants only the first groups; all by default.
    #[must_use]
    pub fn limit(mut self, groups: usize) -> Self {
        self.limit = Some(groups);
        self
    }
}
