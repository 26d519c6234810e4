//! How much work one check may be.
//!
//! A schema is often written by somebody else: that of a mounted tool by its server, which is
//! asked to be no more honest than its tools. References that branch double the work with each
//! level (`{"allOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}]}`), so that a schema of two
//! kilobytes can keep a processor busy for years.

use std::cell::Cell;

use serde_json::Value;

/// What every check may cost, whatever the value's size: some 20 ms. A unit is one schema applied
/// to one value; larger keywords count for more.
const LEAST: u64 = 1_000_000;
/// What each part of the value adds. Schemas without branching references need one unit for each
/// keyword with a schema in it that applies to the part: 64 are the branches of a wide union.
const PER_PART: u64 = 64;
/// How many bytes of text are one part, or one unit.
const TEXT: u64 = 8;

/// What is left of the work that one check may be.
pub(super) struct Budget<'a> {
    value: &'a Value,
    left: Cell<u64>,
    is_extended: Cell<bool>,
    overrun: Cell<Option<Overrun>>,
}

/// Why a check was not carried to its end. The value then does not fit, whatever else was found:
/// what is no answer must not be turned into one by a `not`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overrun {
    /// Too many schemas one within the other.
    Depth,
    /// Too much work in all.
    Work,
}

impl<'a> Budget<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self {
            value,
            left: Cell::new(LEAST),
            is_extended: Cell::new(false),
            overrun: Cell::new(None),
        }
    }

    /// Takes some of what is left. Returns whether there was enough.
    pub(super) fn take(&self, units: u64) -> bool {
        match self.left.get().checked_sub(units) {
            Some(left) => {
                self.left.set(left);
                true
            }
            None => self.extend(units),
        }
    }

    /// Takes what it costs to look through a text.
    pub(super) fn take_text(&self, text: &str) -> bool {
        self.take(text.len() as u64 / TEXT)
    }

    /// Gives a large value more, once: how large it is nobody needs to know before.
    #[cold]
    fn extend(&self, units: u64) -> bool {
        if !self.is_extended.replace(true) {
            self.left.set(self.left.get() + PER_PART * parts(self.value));
            return self.take(units);
        }
        self.left.set(0);
        self.overrun.set(Some(Overrun::Work));
        false
    }

    pub(super) fn too_deep(&self) {
        self.overrun.set(Some(Overrun::Depth));
    }

    pub(super) fn overrun(&self) -> Option<Overrun> {
        self.overrun.get()
    }
}

/// How large a value is. JSON is read to a depth of 128, so this does not go deeper.
fn parts(value: &Value) -> u64 {
    1 + match value {
        Value::String(text) => text.len() as u64 / TEXT,
        Value::Array(items) => items.iter().map(parts).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() as u64 / TEXT + parts(value)).sum()
        }
        _ => 0,
    }
}
