use super::{Date, Dimension};

/// Which order lines count: those that meet every condition that is set.
///
/// An engine takes names as the data has them. [`Sales::scope`](crate::Sales::scope) makes such a
/// filter of what people and models write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// The product.
    pub product: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// The currency.
    pub currency: Option<String>,
    /// The first day.
    pub from: Option<Date>,
    /// The last day.
    pub to: Option<Date>,
}

impl Filter {
    /// The name that a dimension must have.
    pub fn name(&self, dimension: Dimension) -> Option<&str> {
        match dimension {
            Dimension::Product => self.product.as_deref(),
            Dimension::Category => self.category.as_deref(),
            Dimension::Operation => self.operation.as_deref(),
            Dimension::Currency => self.currency.as_deref(),
        }
    }

    /// Sets the name that a dimension must have.
    pub fn set_name(&mut self, dimension: Dimension, name: Option<String>) {
        let slot = match dimension {
            Dimension::Product => &mut self.product,
            Dimension::Category => &mut self.category,
            Dimension::Operation => &mut self.operation,
            Dimension::Currency => &mut self.currency,
        };
        *slot = name;
    }
}
