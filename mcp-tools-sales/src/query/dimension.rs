use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What names an order line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// What was sold.
    Product,
    /// The kind of product.
    Category,
    /// The branch that sold.
    Operation,
    /// What it was paid in.
    Currency,
}

impl Dimension {
    /// All of them, in the order of their definition.
    pub const ALL: [Self; 4] = [Self::Product, Self::Category, Self::Operation, Self::Currency];

    /// The name of the dimension, in lower case: `product`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Category => "category",
            Self::Operation => "operation",
            Self::Currency => "currency",
        }
    }

    /// The name of several: `products`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Product => "products",
            Self::Category => "categories",
            Self::Operation => "operations",
            Self::Currency => "currencies",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// Derived, documented variants make a `oneOf`, whose faults are harder to read than those of an
// `enum`.
impl JsonSchema for Dimension {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Dimension".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL })
    }
}
