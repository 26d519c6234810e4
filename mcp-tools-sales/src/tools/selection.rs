use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Date, Filter};

/// Which order lines count: arguments that most tools share.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    /// The operation (branch) whose sales count, such as "Dallas", in any case; all operations when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The category of products whose sales count, in any case; all categories when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The currency whose sales count, such as "EUR". Needed only where the data has several, as
    /// revenue is never summed across currencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The first day that counts, as yyyy-mm-dd; the first day of the data when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// The last day that counts, as yyyy-mm-dd; the last day of the data when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
}

impl Selection {
    /// The filter, for one product or all.
    pub fn filter(self, product: Option<String>) -> Filter {
        let Self { operation, category, currency, from, to } = self;
        Filter { product, category, operation, currency, from, to }
    }
}
