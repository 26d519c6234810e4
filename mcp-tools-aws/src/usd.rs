use std::{borrow::Cow, fmt, iter::Sum, ops};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of US dollars, computed exactly.
///
/// Written as a JSON number of at most four decimals, which is where bills stop to be readable;
/// shown in whole cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(Decimal);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The exact amount.
    pub fn amount(self) -> Decimal {
        self.0
    }

    /// The amount in whole cents, halves away from zero.
    pub fn cents(self) -> i64 {
        self.0
            .saturating_mul(Decimal::ONE_HUNDRED)
            .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
            .to_i64()
            .unwrap_or(if self.0.is_sign_negative() { i64::MIN } else { i64::MAX })
    }
}

impl From<Decimal> for Usd {
    fn from(amount: Decimal) -> Self {
        Self(amount)
    }
}

impl ops::Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl ops::AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl ops::Sub for Usd {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, ops::Add::add)
    }
}

/// Cents with thousands apart: `$1,234.50`, `-$0.07`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.cents();
        let sign = if cents < 0 { "-" } else { "" };
        let dollars = (cents.unsigned_abs() / 100).to_string();
        let mut grouped = String::with_capacity(dollars.len() + dollars.len() / 3);
        for (index, digit) in dollars.char_indices() {
            if index > 0 && (dollars.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        write!(f, "{sign}${grouped}.{:02}", cents.unsigned_abs() % 100)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rounded = self.0.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
        serializer.serialize_f64(rounded.to_f64().unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amount = f64::deserialize(deserializer)?;
        Decimal::try_from(amount).map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Usd {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        Usd(text.parse().expect("a decimal"))
    }

    #[test]
    fn amounts_are_shown_in_cents() {
        for (amount, shown) in [
            ("0", "$0.00"),
            ("33.5334", "$33.53"),
            ("0.005", "$0.01"),
            ("-0.074", "-$0.07"),
            ("-0.001", "$0.00"),
            ("1234567.891", "$1,234,567.89"),
            ("100", "$100.00"),
        ] {
            assert_eq!(usd(amount).to_string(), shown, "{amount}");
        }
    }

    #[test]
    fn json_has_four_decimals_of_an_exact_sum() {
        let tenth = usd("0.1");
        let sum: Usd = [tenth, tenth, tenth].into_iter().sum();
        assert_eq!(serde_json::to_string(&sum).unwrap(), "0.3");
        assert_eq!(serde_json::to_string(&usd("0.00005")).unwrap(), "0.0001");
        assert_eq!(serde_json::to_string(&usd("12")).unwrap(), "12.0");
    }

    #[test]
    fn sums_do_not_overflow() {
        let most = Usd(Decimal::MAX);
        assert_eq!(most + most, most);
        assert_eq!(most.cents(), i64::MAX);
    }
}
