//! What is written in a field, as what it means.

use chrono::{
    NaiveDate,
    format::{Parsed, StrftimeItems, parse},
};

use super::format::{Decimal, SalesFormat};
use crate::{Date, Money, ParseMoneyError};

/// What a value should have been; what was found is known to whoever read it.
pub(super) type Mistake = String;

pub(super) const UNITS: &str = "a whole number from -2147483648 to 2147483647";
pub(super) const NAME: &str = "a name";
pub(super) const TOTAL: &str =
    "the file's revenue to add up, ignoring signs, to at most 922337203685477.5807";

/// Reads dates. Days come in a row in most files: the last text read is remembered.
pub(super) struct Dates<'a> {
    formats: &'a [String],
    last: (Vec<u8>, Option<Date>),
}

impl<'a> Dates<'a> {
    pub(super) fn new(format: &'a SalesFormat) -> Self {
        Self { formats: &format.date_formats, last: (Vec::new(), None) }
    }

    /// The date, if it is the one that was read last.
    pub(super) fn known(&self, text: &[u8]) -> Option<Date> {
        let (last, date) = &self.last;
        // Ten bytes, as most dates have, are compared without a call.
        let same = match (<&[u8; 10]>::try_from(text), <&[u8; 10]>::try_from(&last[..])) {
            (Ok(text), Ok(last)) => text == last,
            _ => text == last,
        };
        date.filter(|_| same)
    }

    pub(super) fn parse(&mut self, text: &str) -> Result<Date, Mistake> {
        if let Some(date) = self.known(text.as_bytes()) {
            return Ok(date);
        }
        let date = self.read(text)?;
        self.last.0.clear();
        self.last.0.extend_from_slice(text.as_bytes());
        self.last.1 = Some(date);
        Ok(date)
    }

    fn read(&self, text: &str) -> Result<Date, Mistake> {
        if self.formats.is_empty() {
            return text.parse().map_err(|_| "a date as yyyy-mm-dd, such as 2017-12-31".to_owned());
        }
        self.formats.iter().find_map(|format| read_as(text, format)).ok_or_else(|| {
            format!("a date as one of the date_formats {}", self.formats.join(" | "))
        })
    }
}

/// A time of day in the text is read, and dropped.
fn read_as(text: &str, format: &str) -> Option<Date> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    let day: NaiveDate = parsed.to_naive_date().ok()?;
    Date::new(day)
}

/// A whole number as most are written; none if it is written in another way, or none.
pub(super) fn short_units(text: &[u8]) -> Option<i32> {
    // So many digits fit.
    const LONGEST: usize = 9;
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > LONGEST {
        return None;
    }
    let mut units = 0;
    for digit in digits.iter().map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 {
            return None;
        }
        units = units * 10 + i32::from(digit);
    }
    Some(if negative { -units } else { units })
}

pub(super) fn units(text: &str) -> Result<i32, Mistake> {
    if text.starts_with('+') {
        return Err(UNITS.to_owned());
    }
    text.parse().map_err(|_| UNITS.to_owned())
}

pub(super) fn money(text: &str, decimal: Decimal) -> Result<Money, Mistake> {
    let amount = match decimal {
        Decimal::Point => text.parse(),
        Decimal::Comma if text.contains('.') => {
            return Err("a decimal number such as 19,99".to_owned());
        }
        Decimal::Comma => text.replacen(',', ".", 1).parse(),
    };
    amount.map_err(|error: ParseMoneyError| match decimal {
        Decimal::Point => error.expected().to_owned(),
        Decimal::Comma => error.expected().replacen("19.99", "19,99", 1),
    })
}

/// Units times the price of one.
pub(super) fn amount(units: i32, price: Money) -> Result<Money, Mistake> {
    price
        .ten_thousandths()
        .checked_mul(i64::from(units))
        .map(Money::from_steps)
        .ok_or_else(|| "units times unit_price to be at most 922337203685477.5807".to_owned())
}
