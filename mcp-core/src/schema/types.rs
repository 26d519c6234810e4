//! The types that values have.

use std::fmt;

use serde_json::Value;

use super::number::Numeric;

/// In the order of their names, which is that of the bits.
const NAMES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// A set of types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    const INTEGER: u8 = 1 << 2;
    const NUMBER: u8 = 1 << 4;

    /// Adds a type by its name; false if there is none of that name.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let Some(bit) = NAMES.iter().position(|known| *known == name) else { return false };
        self.0 |= 1 << bit;
        true
    }

    pub(super) fn include(self, value: &Value) -> bool {
        let bits = match value {
            Value::Array(_) => 1,
            Value::Bool(_) => 1 << 1,
            Value::Null => 1 << 3,
            Value::Object(_) => 1 << 5,
            Value::String(_) => 1 << 6,
            Value::Number(number) => {
                return self.0 & Self::NUMBER != 0
                    || self.0 & Self::INTEGER != 0 && Numeric::of(number).is_integer();
            }
        };
        self.0 & bits != 0
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = NAMES.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        if let Some((_, name)) = names.next() {
            f.write_str(name)?;
        }
        names.try_for_each(|(_, name)| write!(f, " or {name}"))
    }
}
