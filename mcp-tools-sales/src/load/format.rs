use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Dimension, LoadError};

/// How files say what sales data says: `sales.toml`.
///
/// Everything may be left out; then files are as [`SalesStore`](crate::SalesStore) describes.
///
/// ```
/// use mcp_tools_sales::SalesFormat;
///
/// // The ledger of an online shop, as its accountants export it.
/// let format = SalesFormat::from_toml(r#"
///     currency = "GBP"               # of all revenue, where no column says it
///     date_formats = ["%d/%m/%Y %H:%M", "%Y-%m-%d"]   # the first that fits is taken
///     delimiter = ";"
///     decimal = ","
///     on_bad_rows = "report"         # or "stop", which is the default
///     check = "start"                # all of Parquet too; "read", the default, checks columns when they are read
///
///     [columns]                      # ours = theirs
///     date = "InvoiceDate"
///     product = "Description"
///     operation = "Country"
///     units = "Quantity"
///     unit_price = "UnitPrice"       # instead of revenue: units times this
///     order = "InvoiceNo"
///
///     [values]                       # for what is empty, or has no column
///     category = "Gifts"
///
///     [returns]                      # lines whose units and amount count against sales
///     column = "Kind"
///     values = ["Return", "Refund"]
/// "#)?;
/// # drop(format);
/// # Ok::<(), mcp_tools_sales::LoadError>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SalesFormat {
    pub(super) columns: BTreeMap<Field, String>,
    pub(super) values: BTreeMap<Dimension, String>,
    currency: Option<String>,
    pub(super) date_formats: Vec<String>,
    pub(super) delimiter: Delimiter,
    pub(super) decimal: Decimal,
    pub(super) on_bad_rows: OnBadRows,
    pub(super) check: Check,
    pub(super) returns: Option<Returns>,
}

/// What a line of sales data can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Field {
    Date,
    Product,
    Category,
    Operation,
    Currency,
    Order,
    Units,
    Revenue,
    UnitPrice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnBadRows {
    /// The first is an error.
    #[default]
    Stop,
    /// They are set aside and counted.
    Report,
}

/// When the values of Parquet are looked at, where a bad row is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Check {
    /// Those of a column when it is read: when a question needs it.
    #[default]
    Read,
    /// All at the start.
    Start,
}

/// The byte between fields.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Delimiter(pub(super) u8);

/// What separates the decimals of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Decimal {
    #[default]
    #[serde(rename = ".")]
    Point,
    #[serde(rename = ",")]
    Comma,
}

/// Which lines are returns, where their numbers do not say it by their sign.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Returns {
    pub(super) column: String,
    pub(super) values: Vec<String>,
}

impl SalesFormat {
    /// Reads the text of a `sales.toml`.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, or sets what there is not.
    pub fn from_toml(text: &str) -> Result<Self, LoadError> {
        Self::named("sales.toml", text)
    }

    /// Reads the text of a file; errors name it.
    pub(crate) fn named(name: &str, text: &str) -> Result<Self, LoadError> {
        let format: Self =
            toml::from_str(text).map_err(|error| LoadError::format(name, error.to_string()))?;
        if format.columns.contains_key(&Field::Revenue)
            && format.columns.contains_key(&Field::UnitPrice)
        {
            let message =
                "revenue is in a column of its own or is units times unit_price, not both";
            return Err(LoadError::format(name, message.to_owned()));
        }
        for date in &format.date_formats {
            use chrono::format::{Item, StrftimeItems};
            if StrftimeItems::new(date).any(|item| matches!(item, Item::Error)) {
                let message = format!(
                    "the date format {date:?} is not made of specifiers such as %d, %m and %Y"
                );
                return Err(LoadError::format(name, message));
            }
        }
        Ok(format)
    }

    /// The same, where all revenue that no column says the currency of is in this one, such as
    /// `EUR`.
    #[must_use]
    pub fn currency(mut self, currency: impl Into<String>) -> Self {
        self.currency = Some(currency.into());
        self
    }

    /// What a field's column is called.
    pub(super) fn column(&self, field: Field) -> &str {
        self.columns.get(&field).map_or(field.as_str(), String::as_str)
    }

    /// What stands for a name that is empty or has no column.
    pub(super) fn value(&self, dimension: Dimension) -> Option<&str> {
        let value = self.values.get(&dimension).map(String::as_str);
        match dimension {
            Dimension::Currency => self.currency.as_deref().or(value),
            _ => value,
        }
    }

    /// What a line must say, in the order of a header that has no more.
    pub(super) fn required(&self) -> Vec<Field> {
        let amount = if self.columns.contains_key(&Field::UnitPrice) {
            Field::UnitPrice
        } else {
            Field::Revenue
        };
        let mut required = vec![Field::Date];
        for dimension in [Dimension::Product, Dimension::Category, Dimension::Operation] {
            let field = Field::of(dimension);
            if self.columns.contains_key(&field) || self.value(dimension).is_none() {
                required.push(field);
            }
        }
        required.extend([Field::Units, amount]);
        let optional = [Field::Currency, Field::Order];
        required.extend(optional.into_iter().filter(|field| self.columns.contains_key(field)));
        required
    }
}

impl Field {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Product => "product",
            Self::Category => "category",
            Self::Operation => "operation",
            Self::Currency => "currency",
            Self::Order => "order",
            Self::Units => "units",
            Self::Revenue => "revenue",
            Self::UnitPrice => "unit_price",
        }
    }

    pub(super) const fn of(dimension: Dimension) -> Self {
        match dimension {
            Dimension::Product => Self::Product,
            Dimension::Category => Self::Category,
            Dimension::Operation => Self::Operation,
            Dimension::Currency => Self::Currency,
        }
    }
}

impl Default for Delimiter {
    fn default() -> Self {
        Self(b',')
    }
}

impl TryFrom<String> for Delimiter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match *text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(Self(byte)),
            _ => Err("a delimiter is one ASCII character, such as \";\" or \"\\t\", and no quote"),
        }
    }
}
