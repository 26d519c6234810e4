//! Numbers, compared by their values and not by how they are written or kept.

use std::{cmp::Ordering, fmt::Write as _};

use serde_json::Number;

/// The value of a JSON number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numeric {
    Integer(i128),
    /// What is kept as a floating-point number, which may be an integer as well.
    Float(f64),
}

impl Numeric {
    pub(super) fn of(number: &Number) -> Self {
        if let Some(integer) = number.as_i64() {
            Self::Integer(integer.into())
        } else if let Some(integer) = number.as_u64() {
            Self::Integer(integer.into())
        } else {
            Self::Float(number.as_f64().unwrap_or(f64::INFINITY))
        }
    }

    /// Whether it is one of the integers: `1.0` is.
    pub(super) fn is_integer(self) -> bool {
        match self {
            Self::Integer(_) => true,
            Self::Float(float) => float.fract() == 0.0,
        }
    }

    /// Exact: nothing is rounded to compare it.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(&other),
            // JSON has no `NaN`.
            (Self::Float(one), Self::Float(other)) => {
                one.partial_cmp(&other).unwrap_or(Ordering::Equal)
            }
            (Self::Integer(integer), Self::Float(float)) => compare(integer, float),
            (Self::Float(float), Self::Integer(integer)) => compare(integer, float).reverse(),
        }
    }
}

/// An integer of at most 64 bits and a float.
fn compare(integer: i128, float: f64) -> Ordering {
    /// Beyond all integers of JSON as this crate keeps them, and within `i128`.
    const BEYOND: f64 = (1u128 << 100) as f64;
    if float >= BEYOND {
        return Ordering::Less;
    }
    if float <= -BEYOND {
        return Ordering::Greater;
    }
    let floor = float.floor();
    integer.cmp(&(floor as i128)).then(if float > floor { Ordering::Less } else { Ordering::Equal })
}

/// What numbers are to be multiples of.
#[derive(Debug)]
pub(super) struct Multiple {
    pub(super) number: Number,
    decimal: Decimal,
}

impl Multiple {
    /// `None` unless it is greater than zero.
    pub(super) fn new(number: &Number) -> Option<Self> {
        let decimal = Decimal::of(number)?;
        (Numeric::of(number).compare(Numeric::Integer(0)) == Ordering::Greater)
            .then(|| Self { number: number.clone(), decimal })
    }

    /// Whether a number is a multiple, of the decimal numbers that both are written as: `0.3` is
    /// one of `0.1`.
    pub(super) fn divides(&self, number: &Number) -> bool {
        if let (Numeric::Integer(number), Numeric::Integer(divisor)) =
            (Numeric::of(number), Numeric::of(&self.number))
        {
            return number % divisor == 0;
        }
        Decimal::of(number).is_some_and(|number| number.is_multiple_of(&self.decimal))
    }
}

/// `digits * 10^exponent`, without a sign.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// The shortest decimal number that is read as this one.
    fn of(number: &Number) -> Option<Self> {
        match Numeric::of(number) {
            Numeric::Integer(integer) => Some(Self::new(integer.unsigned_abs(), 0)),
            Numeric::Float(float) => {
                let mut written = Written::default();
                write!(written, "{:e}", float.abs()).ok()?;
                let (mantissa, exponent) = written.as_str()?.split_once('e')?;
                let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
                let digits = whole.bytes().chain(fraction.bytes());
                let digits = digits.fold(0, |sum: u128, digit| sum * 10 + u128::from(digit - b'0'));
                let exponent: i32 = exponent.parse().ok()?;
                Some(Self::new(digits, exponent - i32::try_from(fraction.len()).ok()?))
            }
        }
    }

    fn new(mut digits: u128, mut exponent: i32) -> Self {
        while digits != 0 && digits.is_multiple_of(10) {
            digits /= 10;
            exponent += 1;
        }
        Self { digits, exponent }
    }

    fn is_multiple_of(&self, divisor: &Self) -> bool {
        if self.digits == 0 {
            return true;
        }
        let exponent = self.exponent - divisor.exponent;
        if exponent < 0 {
            // A multiple would end in a zero more than these digits do.
            return false;
        }
        // (digits * 10^exponent) modulo the divisor's digits, which have at most 64 bits.
        let modulus = divisor.digits;
        let mut rest = self.digits % modulus;
        for _ in 0..exponent {
            if rest == 0 {
                return true;
            }
            rest = rest * 10 % modulus;
        }
        rest == 0
    }
}

/// A float as text, without asking for memory.
#[derive(Default)]
struct Written {
    bytes: [u8; 32],
    length: usize,
}

impl Written {
    fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes[..self.length]).ok()
    }
}

impl std::fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes
            .get_mut(self.length..end)
            .ok_or(std::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    fn compared(one: &str, other: &str) -> Ordering {
        Numeric::of(&number(one)).compare(Numeric::of(&number(other)))
    }

    #[test]
    fn numbers_are_compared_without_rounding() {
        for (less, more) in [
            ("9007199254740992.0", "9007199254740993"),
            ("18446744073709551615", "18446744073709551616"),
            ("-9223372036854777856", "-9223372036854775808"),
            ("-1e300", "-9223372036854775808"),
            ("18446744073709551615", "1e300"),
            ("1", "1.5"),
            ("-1.5", "-1"),
            ("-2", "-1.5"),
        ] {
            assert_eq!(compared(less, more), Ordering::Less, "{less} < {more}");
            assert_eq!(compared(more, less), Ordering::Greater, "{more} > {less}");
        }
        for (one, other) in [("1", "1.0"), ("0", "-0.0"), ("-3", "-3.0"), ("1e2", "100")] {
            assert_eq!(compared(one, other), Ordering::Equal, "{one} = {other}");
        }
    }

    #[test]
    fn multiples_are_those_of_the_decimal_numbers() {
        let divides = |divisor: &str, text: &str| {
            Multiple::new(&number(divisor)).unwrap().divides(&number(text))
        };
        for (divisor, multiple) in [
            ("0.1", "0.3"),
            ("0.01", "19.99"),
            ("0.0001", "0.0075"),
            ("1.5", "4.5"),
            ("3", "9e300"),
            ("1e-8", "12391239123"),
            ("0.5", "1e308"),
            ("2", "18446744073709551614"),
            ("20", "1e2"),
            ("1e2", "300"),
            ("7", "0"),
            ("0.1", "-0.3"),
        ] {
            assert!(divides(divisor, multiple), "{multiple} is a multiple of {divisor}");
        }
        for (divisor, other) in [
            ("0.1", "0.35"),
            ("0.0001", "0.00751"),
            ("1.5", "4"),
            ("2", "18446744073709551615"),
            ("1e2", "30"),
            ("3", "1e300"),
            ("1e300", "5"),
            ("0.123456789", "1e308"),
            ("1e308", "5e-324"),
        ] {
            assert!(!divides(divisor, other), "{other} is no multiple of {divisor}");
        }
        assert!(Multiple::new(&number("0")).is_none());
        assert!(Multiple::new(&number("-2.5")).is_none());
    }
}
