//! A value of a column, and what it means.

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type},
    schema::types::ColumnDescriptor,
};

use crate::{
    Date, Money,
    load::{
        csv::shown,
        format::Decimal,
        values::{self, Dates, Mistake},
    },
};

/// What the numbers and bytes of a column mean.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Plain,
    /// Whole numbers of this power of ten.
    Decimal(u32),
    /// Days since 1970-01-01.
    Days,
    /// Times since 1970-01-01, of which a day has so many.
    Times(i64),
}

/// A value, as the file has it.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Text(&'a [u8]),
    Integer(i64),
    /// A number and how many of its digits are decimals.
    Decimal(i128, u32),
    Float(f64),
    Day(i64),
}

impl Kind {
    /// None for lists and the like.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Self> {
        const SECONDS: i64 = 86_400;
        if column.max_rep_level() > 0 || column.max_def_level() > 1 {
            return None;
        }
        let scale = || u32::try_from(column.type_scale()).ok();
        Some(match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => {
                Self::Decimal(scale()?)
            }
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Self::Days,
            (Some(LogicalType::Timestamp(time)), _) => Self::Times(match time.unit {
                TimeUnit::MILLIS => SECONDS * 1_000,
                TimeUnit::MICROS => SECONDS * 1_000_000,
                TimeUnit::NANOS => SECONDS * 1_000_000_000,
            }),
            (_, ConvertedType::TIMESTAMP_MILLIS) => Self::Times(SECONDS * 1_000),
            (_, ConvertedType::TIMESTAMP_MICROS) => Self::Times(SECONDS * 1_000_000),
            _ => Self::Plain,
        })
    }

    /// A value as Parquet's plain encoding has it: bytes of the type's length.
    pub(super) fn plain(self, physical: Type, bytes: &[u8]) -> Value<'_> {
        match (physical, bytes) {
            (Type::INT32, &[a, b, c, d]) => self.integer(i32::from_le_bytes([a, b, c, d]).into()),
            (Type::FLOAT, &[a, b, c, d]) => Value::single(f32::from_le_bytes([a, b, c, d])),
            (Type::INT64, &[a, b, c, d, e, f, g, h]) => {
                self.integer(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
            }
            (Type::DOUBLE, &[a, b, c, d, e, f, g, h]) => {
                Value::Float(f64::from_le_bytes([a, b, c, d, e, f, g, h]))
            }
            (Type::INT96, &[.., a, b, c, d]) => Value::spark_time(u32::from_le_bytes([a, b, c, d])),
            _ => self.bytes(bytes),
        }
    }

    pub(super) fn integer(self, value: i64) -> Value<'static> {
        match self {
            Self::Plain => Value::Integer(value),
            Self::Decimal(scale) => Value::Decimal(value.into(), scale),
            Self::Days => Value::Day(value),
            Self::Times(day) => Value::Day(value.div_euclid(day)),
        }
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Value<'_> {
        match self {
            // The most significant byte comes first; those that are left out have its sign.
            Self::Decimal(scale) if bytes.len() <= size_of::<i128>() => {
                let sign = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
                let value = bytes.iter().fold(sign, |sum, byte| (sum << 8) | i128::from(*byte));
                Value::Decimal(value, scale)
            }
            _ => Value::Text(bytes),
        }
    }
}

impl Value<'_> {
    /// As a person would write it: 0.1, not 0.10000000149.
    pub(super) fn single(number: f32) -> Self {
        Self::Float(number.to_string().parse().unwrap_or(f64::NAN))
    }

    /// The day of a time as Spark writes it, beside nanoseconds: it counts from 4713 BC.
    pub(super) fn spark_time(day: u32) -> Self {
        const EPOCH: i64 = 2_440_588;
        Self::Day(i64::from(day) - EPOCH)
    }

    pub(super) fn text<T>(
        self,
        read: impl FnOnce(&str) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        match self {
            Self::Text(bytes) => read(str::from_utf8(bytes).map_err(|_| "UTF-8")?),
            Self::Integer(number) => read(&number.to_string()),
            Self::Null => read(""),
            other => read(&other.show()),
        }
    }

    pub(super) fn date(self, dates: &mut Dates<'_>) -> Result<Date, Mistake> {
        match self {
            Self::Day(days) => i32::try_from(days)
                .ok()
                .and_then(Date::from_epoch_days)
                .ok_or_else(|| "a date from 0000-01-01 to 9999-12-31".to_owned()),
            other => other.text(|text| dates.parse(text.trim())),
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked")]
    pub(super) fn units(self) -> Result<i32, Mistake> {
        let units = match self {
            Self::Integer(number) => i32::try_from(number).ok(),
            Self::Decimal(number, scale) => 10_i128
                .checked_pow(scale)
                .filter(|one| number % one == 0)
                .and_then(|one| i32::try_from(number / one).ok()),
            Self::Float(number) if number as i32 as f64 == number => Some(number as i32),
            Self::Text(_) => return self.text(|text| values::units(text.trim())),
            _ => None,
        };
        units.ok_or_else(|| values::UNITS.to_owned())
    }

    pub(super) fn money(self, decimal: Decimal) -> Result<Money, Mistake> {
        match self {
            Self::Integer(number) => Money::from_decimal(number.into(), 0),
            Self::Decimal(number, scale) => Money::from_decimal(number, scale),
            Self::Float(number) => Money::from_f64(number),
            Self::Text(_) => return self.text(|text| values::money(text.trim(), decimal)),
            Self::Null | Self::Day(_) => return Err("an amount".to_owned()),
        }
        .map_err(|error| error.expected().to_owned())
    }

    /// As an error shows it.
    pub(super) fn show(self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Text(bytes) => shown(&String::from_utf8_lossy(bytes)),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(number, 0) => number.to_string(),
            Self::Decimal(number, scale) => format!("{number} / 10^{scale}"),
            Self::Float(number) => number.to_string(),
            Self::Day(days) => format!("day {days} from 1970-01-01"),
        }
    }
}
