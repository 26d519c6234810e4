use std::{borrow::Cow, error::Error, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How many [`Money`] steps make one unit of currency.
const SCALE: i64 = 10_000;
const DECIMALS: usize = 4;

const NOT_A_NUMBER: &str = "a decimal number such as 19.99";
const TOO_LARGE: &str = "an amount of at most 922337203685477.5807";

/// An amount in the data's own currency, exact to a ten-thousandth of its unit.
///
/// A sum is the same in every order, which floating point does not promise. Amounts go from
/// -922,337,203,685,477.5807 to 922,337,203,685,477.5807. They are read from plain decimals
/// (`-12.5`, never `1e3`, `1,000` or `NaN`) and shown rounded to cents, half a cent away from zero.
/// In JSON an amount is a number: the nearest double to its cents, which is exact to the cent up to
/// 90 trillion (2^53 cents).
///
/// ```
/// use mcp_tools_sales::Money;
///
/// let line: Money = "16.448".parse()?;
/// assert_eq!(line.to_string(), "16.45");
/// # Ok::<(), mcp_tools_sales::ParseMoneyError>(())
/// ```
// rust_decimal was rejected: 16 bytes a row where 8 do, and a slower addition in the scan.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// `steps` ten-thousandths of the currency's unit.
    pub(crate) fn from_steps(steps: i64) -> Self {
        Self(steps)
    }

    /// The amount in ten-thousandths of the currency's unit: exact.
    pub fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// `number` with the decimal point before its last `scale` digits.
    pub(crate) fn from_decimal(number: i128, scale: u32) -> Result<Self, ParseMoneyError> {
        const TOO_MANY: ParseMoneyError = ParseMoneyError("at most four decimals");
        let places = DECIMALS as u32;
        let steps = if scale <= places {
            number.checked_mul(10_i128.pow(places - scale)).ok_or(ParseMoneyError(TOO_LARGE))?
        } else {
            let step = 10_i128.checked_pow(scale - places).ok_or(TOO_MANY)?;
            if number % step != 0 {
                return Err(TOO_MANY);
            }
            number / step
        };
        let steps = i64::try_from(steps).ok().filter(|steps| *steps != i64::MIN);
        steps.map(Self).ok_or(ParseMoneyError(TOO_LARGE))
    }

    /// The amount that a number stands for. What binary fractions and sums of them are off by is
    /// taken for zero: a hundred-thousandth of a step, and 10^-12 of the number.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "in range")]
    pub(crate) fn from_f64(number: f64) -> Result<Self, ParseMoneyError> {
        // Below it halves of a step can be told.
        const CLEAR: f64 = (1_i64 << 51) as f64;
        let scaled = number * SCALE as f64;
        let steps = if scaled.abs() < CLEAR {
            // As `round`, but for what is no amount anyway, and without a call on each line of a file.
            ((scaled + 0.5_f64.copysign(scaled)) as i64) as f64
        } else {
            scaled.round()
        };
        if !number.is_finite() {
            return Err(ParseMoneyError(NOT_A_NUMBER));
        }
        if steps.abs() >= i64::MAX as f64 {
            return Err(ParseMoneyError(TOO_LARGE));
        }
        if (scaled - steps).abs() > 1e-5 + steps.abs() * 1e-12 {
            return Err(ParseMoneyError("at most four decimals"));
        }
        Ok(Self(steps as i64))
    }

    /// An amount whose size needs no check, as files have on each line; none if it is another, or none at all.
    pub(crate) fn short(text: &[u8]) -> Option<Self> {
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        // With four decimals more they still fit.
        const LONGEST: usize = 14;
        const POWERS: [i64; DECIMALS + 1] = [1, 10, 100, 1_000, 10_000];
        if digits.is_empty() || digits.len() > LONGEST {
            return None;
        }
        let (mut steps, mut point) = (0_i64, None);
        for (at, byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                steps = steps * 10 + i64::from(digit);
            } else if *byte == b'.' && point.is_none() && at > 0 {
                point = Some(at + 1);
            } else {
                return None;
            }
        }
        let decimals = point.map_or(0, |point| digits.len() - point);
        if point.is_some() && decimals == 0 {
            return None;
        }
        let steps = steps * POWERS.get(DECIMALS.checked_sub(decimals)?)?;
        Some(Self(if negative { -steps } else { steps }))
    }

    /// The amounts that numbers stand for, as [`Self::from_f64`] has them, all at once with the processor's
    /// vectors; false if one of them needs a closer look, and may be none. The numbers are in little-endian
    /// bytes, and as many as the amounts.
    pub(crate) fn from_f64s(numbers: &[[u8; 8]], amounts: &mut [Self]) -> bool {
        // Added to a number of less than 2^51, it leaves the nearest whole number in the lowest bits.
        const SHIFT: f64 = 1.5 * (1_i64 << 52) as f64;
        // Below it no half of a step is near enough to a whole one.
        const CLEAR: f64 = (1_i64 << 38) as f64;
        let mut clear = true;
        for (number, amount) in numbers.iter().zip(amounts) {
            let scaled = f64::from_le_bytes(*number) * SCALE as f64;
            let shifted = scaled + SHIFT;
            let steps = shifted - SHIFT;
            // Neither holds for what is no number.
            clear &= (scaled - steps).abs() <= 1e-5 + steps.abs() * 1e-12;
            clear &= scaled.abs() < CLEAR;
            // Of what is not clear, it is of no meaning.
            let bits = shifted.to_bits().wrapping_sub(SHIFT.to_bits());
            *amount = Self(bits.cast_signed());
        }
        clear
    }

    /// What is wrong with digits that cannot be an amount: first of all, that they are no digits.
    fn mistake(digits: &[u8], otherwise: &'static str) -> ParseMoneyError {
        let mut parts = digits.splitn(2, |byte| *byte == b'.');
        let number = parts.all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
        ParseMoneyError(if number { otherwise } else { NOT_A_NUMBER })
    }

    /// As shown, with a sign in any case.
    pub(crate) fn signed(self) -> String {
        let sign = if self.cents() < 0 { "" } else { "+" };
        format!("{sign}{self}")
    }

    /// All digits: `16.448`.
    pub(crate) fn exact(self) -> String {
        let (sign, steps) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let scale = SCALE.unsigned_abs();
        format!("{sign}{}.{:04}", steps / scale, steps % scale)
    }

    /// The nearest number to the amount: exact up to 2^53 ten-thousandths.
    #[allow(clippy::cast_precision_loss, reason = "stated")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / SCALE as f64
    }

    /// The amount in cents, half a cent away from zero.
    fn cents(self) -> i64 {
        const STEP: i64 = SCALE / 100;
        let rest = self.0 % STEP;
        self.0 / STEP + if rest.abs() * 2 >= STEP { rest.signum() } else { 0 }
    }
}

impl FromStr for Money {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        if let Some(amount) = Self::short(text.as_bytes()) {
            return Ok(amount);
        }
        let (negative, digits) = match text.as_bytes() {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let mut steps = 0_i64;
        let mut point = None;
        for (at, byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' if point.is_none_or(|point| at - point <= DECIMALS) => {
                    let digit = i64::from(byte - b'0');
                    let next = steps.checked_mul(10).and_then(|steps| steps.checked_add(digit));
                    steps = next.ok_or_else(|| Self::mistake(digits, TOO_LARGE))?;
                }
                b'0' => {}
                b'1'..=b'9' => return Err(Self::mistake(digits, "at most four decimals")),
                b'.' if point.is_none() && at > 0 => point = Some(at),
                _ => return Err(ParseMoneyError(NOT_A_NUMBER)),
            }
        }
        let decimals = match point {
            None => 0,
            Some(point) => digits.len() - point - 1,
        };
        if digits.is_empty() || (point.is_some() && decimals == 0) {
            return Err(ParseMoneyError(NOT_A_NUMBER));
        }
        for _ in decimals.min(DECIMALS)..DECIMALS {
            steps = steps.checked_mul(10).ok_or(ParseMoneyError(TOO_LARGE))?;
        }
        Ok(Self(if negative { -steps } else { steps }))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.cents();
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Money({}/{SCALE})", self.0)
    }
}

impl Serialize for Money {
    #[allow(clippy::cast_precision_loss)] // stated above
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.cents() as f64 / 100.0)
    }
}

impl<'de> Deserialize<'de> for Money {
    /// Reads a JSON number, rounded to cents.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // the range is checked
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let steps = (f64::deserialize(deserializer)? * 100.0).round() * (SCALE / 100) as f64;
        // `i64::MAX as f64` is 2^63, one more than an amount can hold; NaN fails too.
        if steps.abs() < i64::MAX as f64 {
            Ok(Self(steps as i64))
        } else {
            Err(de::Error::custom("expected an amount of at most 922337203685477"))
        }
    }
}

impl JsonSchema for Money {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

/// The text is not an amount of [`Money`]; the message says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMoneyError(&'static str);

impl ParseMoneyError {
    pub(crate) fn expected(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ParseMoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl Error for ParseMoneyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Result<i64, &'static str> {
        text.parse().map(Money::ten_thousandths).map_err(ParseMoneyError::expected)
    }

    #[test]
    fn plain_decimals_are_read_exactly() {
        assert_eq!(steps("0"), Ok(0));
        assert_eq!(steps("-0.0"), Ok(0));
        assert_eq!(steps("16.448"), Ok(164_480));
        assert_eq!(steps("-12.5"), Ok(-125_000));
        assert_eq!(steps("957.5775000000"), Ok(9_575_775));
        assert_eq!(steps("922337203685477.5807"), Ok(i64::MAX));
        assert_eq!(steps("-922337203685477.5807"), Ok(-i64::MAX));
    }

    #[test]
    fn anything_else_says_what_was_expected() {
        for text in [
            "", "-", ".", "1.", ".5", "+1", "--1", "1e3", "1,000", "$5", "NaN", "inf", "-inf",
            "1.2.3", "٣", "0x1", " 1",
        ] {
            assert_eq!(steps(text), Err("a decimal number such as 19.99"), "{text}");
        }
        assert_eq!(steps("0.00001"), Err("at most four decimals"));
        for text in
            ["922337203685477.5808", "9223372036854775808", "1000000000000000000000000000000"]
        {
            assert_eq!(steps(text), Err("an amount of at most 922337203685477.5807"), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn numbers_are_the_same_amounts_all_at_once(
            steps in proptest::prelude::any::<i64>(),
            shift in 0_u32..64,
            other in proptest::prelude::any::<f64>(),
        ) {
            let steps = steps >> shift;
            let numbers = [steps as f64 / 10_000.0, steps as f64 / 100_000.0, other];
            for number in numbers {
                let mut amounts = [Money(1)];
                if Money::from_f64s(&[number.to_le_bytes()], &mut amounts) {
                    proptest::prop_assert_eq!(Money::from_f64(number), Ok(amounts[0]));
                } else {
                    let far = number.abs() * 10_000.0 >= (1_i64 << 38) as f64;
                    proptest::prop_assert!(far || Money::from_f64(number).is_err());
                }
            }
        }
    }

    #[test]
    fn amounts_are_shown_in_cents_rounded_away_from_zero() {
        for (steps, shown) in [
            (0, "0.00"),
            (49, "0.00"),
            (50, "0.01"),
            (-49, "0.00"),
            (-50, "-0.01"),
            (164_449, "16.44"),
            (164_450, "16.45"),
            (-164_450, "-16.45"),
            (i64::MAX, "922337203685477.58"),
        ] {
            assert_eq!(Money(steps).to_string(), shown);
        }
        assert_eq!(serde_json::to_string(&Money(164_450)).expect("json"), "16.45");
        assert_eq!(serde_json::to_string(&Money(-49)).expect("json"), "0.0");
    }

    #[test]
    fn json_numbers_are_read_as_cents() {
        assert_eq!(serde_json::from_str::<Money>("16.45").expect("an amount"), Money(164_500));
        assert_eq!(serde_json::from_str::<Money>("-3").expect("an amount"), Money(-30_000));
        assert!(serde_json::from_str::<Money>("1e300").is_err());
    }
}
