//! What is wrong with a value.

use serde_json::{Number, Value};

use super::types::Types;

/// How many faults are kept; a client chooses how many there are.
const MOST: usize = 64;

/// One fault of a value.
#[derive(Debug)]
pub(crate) struct Fault<'a> {
    /// Where in the whole value.
    pub(crate) path: Vec<Step<'a>>,
    /// What stands there.
    pub(crate) value: &'a Value,
    pub(crate) kind: FaultKind<'a>,
}

/// A member's name or an item's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// What a value should have been, or should have had.
#[derive(Debug)]
pub(crate) enum FaultKind<'a> {
    Never,
    Type(Types),
    Constant(&'a Value),
    Options(&'a [Value]),
    Minimum(&'a Number),
    ExclusiveMinimum(&'a Number),
    Maximum(&'a Number),
    ExclusiveMaximum(&'a Number),
    MultipleOf(&'a Number),
    MinLength(u64),
    MaxLength(u64),
    Pattern(&'a str),
    MinItems(u64),
    MaxItems(u64),
    UniqueItems,
    /// Too few items of a kind; how many there should be.
    MinContains(u64, Faults<'a>),
    MaxContains(u64),
    MinProperties(u64),
    MaxProperties(u64),
    /// A member is missing.
    Required(&'a str),
    /// There is no such member.
    Unexpected(&'a str),
    /// A member's name; what it should have been.
    Name(&'a str, String),
    /// One of several schemas; what is wrong for each.
    NoneOf(Vec<Faults<'a>>),
    /// Only one of several schemas.
    SeveralOf,
    Not,
    /// Nested less deeply.
    TooDeep,
    /// Quicker to check.
    TooMuchWork,
}

/// The faults of a value, up to 64 of them.
#[derive(Debug, Default)]
pub(crate) struct Faults<'a> {
    known: Vec<Fault<'a>>,
    more: usize,
}

impl<'a> Faults<'a> {
    /// The first of them.
    pub(crate) fn known(&self) -> &[Fault<'a>] {
        &self.known
    }

    /// How many there are besides the known ones.
    pub(crate) fn more(&self) -> usize {
        self.more
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.known.len() + self.more
    }

    pub(super) fn add(&mut self, fault: impl FnOnce() -> Fault<'a>) {
        if self.known.len() < MOST {
            self.known.push(fault());
        } else {
            self.more += 1;
        }
    }
}
