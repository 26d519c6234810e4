use mcp_core::{ToolError, ToolErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Cost, Date, QueryError, QueryErrorKind, Scope};

/// What every answer says of itself: which order lines it is about, and what to know of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The operation whose sales count; all operations when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The category whose sales count; all categories when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The product whose sales count; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The currency of all revenue; absent where the data does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The first day that counts.
    pub from: Date,
    /// The last day that counts.
    pub to: Date,
    /// How many lines of the data could not be read and are in no sum, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_set_aside: Option<u64>,
    /// How many bytes were read for the answer, where that costs money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_scanned: Option<u64>,
    /// What the answer cost in US dollars, where it cost money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Says why there is nothing to show, if there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl About {
    pub(super) fn new(scope: &Scope) -> Self {
        let filter = scope.filter.clone();
        let set_aside = scope.data.set_aside;
        Self {
            operation: filter.operation,
            category: filter.category,
            product: filter.product,
            currency: filter.currency,
            from: scope.from,
            to: scope.to,
            lines_set_aside: (set_aside > 0).then_some(set_aside),
            bytes_scanned: None,
            cost_usd: None,
            note: None,
        }
    }

    /// Adds what a question cost.
    pub(super) fn charge(&mut self, cost: Option<Cost>) {
        if let Some(cost) = cost {
            *self.bytes_scanned.get_or_insert_default() += cost.bytes_scanned;
            *self.cost_usd.get_or_insert_default() += cost.usd;
        }
    }

    /// Where and when, as a heading says it: `in Dallas, 2017-01-01 to 2017-12-31`.
    pub(super) fn heading(&self) -> String {
        let mut place = String::new();
        for name in [&self.product, &self.category].into_iter().flatten() {
            place += &format!("of {}, ", one_line(name));
        }
        let operation = self.operation.as_deref().map_or("all operations".to_owned(), one_line);
        format!("{place}in {operation}, {} to {}", self.from, self.to)
    }

    /// An amount's currency as text puts it behind: ` USD`.
    pub(super) fn unit(&self) -> String {
        self.currency.as_ref().map(|currency| format!(" {currency}")).unwrap_or_default()
    }

    /// The text of an answer: the note alone if there is one, and in any case what has to be known
    /// of the data.
    pub(super) fn text(&self, text: String) -> String {
        let mut text = self.note.clone().unwrap_or(text);
        if let Some(lines) = self.lines_set_aside {
            text += &not_counted(lines);
        }
        if let (Some(bytes), Some(usd)) = (self.bytes_scanned, self.cost_usd) {
            text += &format!("\nThis answer read {bytes} bytes and cost {usd:.6} USD.");
        }
        text
    }
}

/// The line of a text that says that lines were set aside.
pub(super) fn not_counted(lines: u64) -> String {
    format!("\nNot counted: {lines} lines of the data that could not be read.")
}

/// A query's messages are written for whoever asked; what is the operator's is the source.
pub(crate) fn tell_model(error: QueryError) -> ToolError {
    let kind = match error.kind() {
        QueryErrorKind::UnknownName => ToolErrorKind::NotFound,
        QueryErrorKind::ReversedPeriod
        | QueryErrorKind::SeveralCurrencies
        | QueryErrorKind::NoSuchData
        | QueryErrorKind::TooExpensive => ToolErrorKind::InvalidArguments,
        QueryErrorKind::Unavailable => ToolErrorKind::Unavailable,
    };
    let (message, source) = error.into_parts();
    let error = ToolError::new(kind, message);
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

/// A name from the data on one line of text.
pub(super) fn one_line(name: &str) -> String {
    name.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
