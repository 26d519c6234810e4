use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What is summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The money that sales brought in, less returns.
    #[default]
    Revenue,
    /// How many were sold, less those returned.
    Units,
    /// How many order lines there are, returns included.
    OrderLines,
}

impl Measure {
    /// All of them, in the order of their definition.
    pub const ALL: [Self; 3] = [Self::Revenue, Self::Units, Self::OrderLines];

    /// The name in arguments and answers: `order_lines`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revenue => "revenue",
            Self::Units => "units",
            Self::OrderLines => "order_lines",
        }
    }
}

impl fmt::Display for Measure {
    /// The name in a sentence: `order lines`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OrderLines => "order lines",
            other => other.as_str(),
        })
    }
}

// As `Dimension`.
impl JsonSchema for Measure {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Measure".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL })
    }
}
