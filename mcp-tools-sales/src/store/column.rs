//! Whole numbers in as few bytes as they take: a scan of many rows waits for memory more than for anything
//! else, and memory that is new costs as much as what is written to it.

use std::{
    mem,
    ops::{BitOr, Range},
};

use crate::Money;

/// A column of whole numbers, part after part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    parts: Vec<Part>,
    length: usize,
}

/// Rows that were read together.
#[derive(Clone, Debug)]
struct Part {
    /// The first row after it.
    end: usize,
    numbers: Numbers,
}

/// Numbers of as many bytes as the one needs that needs most.
#[derive(Clone, Debug)]
enum Numbers {
    One(Box<[i8]>),
    Two(Box<[i16]>),
    Four(Box<[i32]>),
    Eight(Box<[i64]>),
}

/// A number as it is read from a file.
pub(crate) trait Number: Copy {
    type Bits: Default + BitOr<Output = Self::Bits> + Into<u64>;

    fn number(self) -> i64;

    /// The bits that it needs beside its sign.
    fn bits(self) -> Self::Bits;
}

impl Number for u32 {
    type Bits = u32;

    fn number(self) -> i64 {
        self.into()
    }

    fn bits(self) -> u32 {
        self
    }
}

macro_rules! narrow {
    ($($narrow:ty: $bits:ty),*) => {$(
        impl Number for $narrow {
            type Bits = $bits;

            fn number(self) -> i64 {
                self.into()
            }

            fn bits(self) -> $bits {
                (self ^ (self >> (Self::BITS - 1))).cast_unsigned()
            }
        }
    )*};
}

narrow!(i8: u8, i16: u16, i32: u32);

impl Number for i64 {
    type Bits = u64;

    fn number(self) -> i64 {
        self
    }

    fn bits(self) -> u64 {
        (self ^ (self >> (Self::BITS - 1))).cast_unsigned()
    }
}

impl Number for Money {
    type Bits = u64;

    fn number(self) -> i64 {
        self.ten_thousandths()
    }

    fn bits(self) -> u64 {
        self.ten_thousandths().bits()
    }
}

/// Does the same with numbers of any width.
macro_rules! of_any_width {
    ($numbers:expr, $slice:ident => $do:expr) => {
        match $numbers {
            Numbers::One($slice) => $do,
            Numbers::Two($slice) => $do,
            Numbers::Four($slice) => $do,
            Numbers::Eight($slice) => $do,
        }
    };
}

#[allow(clippy::cast_possible_truncation, reason = "what is cut off is known to be of no meaning")]
impl Numbers {
    fn of<T: Number>(numbers: &[T]) -> Self {
        let bits = numbers.iter().fold(T::Bits::default(), |bits, number| bits | number.bits());
        let numbers = numbers.iter().map(|number| number.number());
        match bits.into() {
            0..0x80 => Self::One(numbers.map(|number| number as i8).collect()),
            0x80..0x8000 => Self::Two(numbers.map(|number| number as i16).collect()),
            0x8000..0x8000_0000 => Self::Four(numbers.map(|number| number as i32).collect()),
            _ => Self::Eight(numbers.collect()),
        }
    }

    fn bytes(&self) -> usize {
        of_any_width!(self, numbers => size_of_val::<[_]>(numbers))
    }

    /// Writes the numbers of rows.
    fn read(&self, rows: Range<usize>, to: &mut [i64]) {
        of_any_width!(self, numbers => {
            to.iter_mut().zip(&numbers[rows]).for_each(|(to, number)| *to = number.number());
        });
    }

    /// Writes the numbers of rows that are given by how far they are from `first`, if these begin with the
    /// row `start`.
    fn pick(&self, start: usize, first: usize, rows: &[u32], to: &mut [i64]) {
        of_any_width!(self, numbers => {
            for (to, row) in to.iter_mut().zip(rows) {
                *to = numbers[first + *row as usize - start].number();
            }
        });
    }

    /// Notes which of the rows have a number, counted from `first`.
    fn find(&self, rows: Range<usize>, number: i64, first: u32, found: &mut Vec<u32>) {
        fn find<T: Copy + PartialEq>(numbers: &[T], number: T, first: u32, found: &mut Vec<u32>) {
            // So many are compared at once. Mostly none of them is the one.
            const AT_ONCE: usize = 16;
            for (first, numbers) in (first..).step_by(AT_ONCE).zip(numbers.chunks(AT_ONCE)) {
                if numbers.iter().fold(false, |any, other| any | (*other == number)) {
                    let rows = (first..).zip(numbers).filter(|(_, other)| **other == number);
                    found.extend(rows.map(|(row, _)| row));
                }
            }
        }
        match self {
            Self::One(numbers) => {
                if let Ok(number) = number.try_into() {
                    find(&numbers[rows], number, first, found);
                }
            }
            Self::Two(numbers) => {
                if let Ok(number) = number.try_into() {
                    find(&numbers[rows], number, first, found);
                }
            }
            Self::Four(numbers) => {
                if let Ok(number) = number.try_into() {
                    find(&numbers[rows], number, first, found);
                }
            }
            Self::Eight(numbers) => find(&numbers[rows], number, first, found),
        }
    }
}

impl Column {
    /// How many rows a part has at most: few enough to stay in a processor's cache while they are made small.
    pub(crate) const PART: usize = 1 << 14;

    /// So many rows of one number.
    pub(crate) fn same(number: u32, rows: usize) -> Self {
        let mut column = Self::default();
        column.push(&vec![number; rows]);
        column
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds rows.
    pub(crate) fn push<T: Number>(&mut self, numbers: &[T]) {
        for numbers in numbers.chunks(Self::PART) {
            self.add(Numbers::of(numbers), numbers.len());
        }
    }

    /// Adds the rows of another column.
    pub(crate) fn append(&mut self, other: Self) {
        let mut before = 0;
        for Part { end, numbers } in other.parts {
            self.add(numbers, end - before);
            before = end;
        }
    }

    fn add(&mut self, numbers: Numbers, rows: usize) {
        if rows > 0 {
            self.length += rows;
            self.parts.push(Part { end: self.length, numbers });
        }
    }

    /// Writes the numbers of rows, of which there are no more than room.
    pub(crate) fn read(&self, rows: Range<usize>, to: &mut [i64]) {
        let mut to = to;
        self.each(rows, |numbers, _, rows| {
            let (these, rest) = mem::take(&mut to).split_at_mut(rows.len());
            numbers.read(rows, these);
            to = rest;
        });
    }

    /// Notes which of rows have a number: how far they are from the first, in order.
    pub(crate) fn find(&self, rows: Range<usize>, number: i64, found: &mut Vec<u32>) {
        let mut first = 0;
        self.each(rows, |numbers, _, rows| {
            let length = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            numbers.find(rows, number, first, found);
            first = first.saturating_add(length);
        });
    }

    /// Writes the numbers of some of the rows, which are given as [`Self::find`] notes them.
    pub(crate) fn pick(&self, rows: Range<usize>, of: &[u32], to: &mut [i64]) {
        let (mut of, mut to) = (of, to);
        let first = rows.start;
        self.each(rows, |numbers, start, rows| {
            let end = start + rows.end;
            let here = of.partition_point(|row| first + (*row as usize) < end);
            let (these, later) = of.split_at(here);
            let (room, rest) = mem::take(&mut to).split_at_mut(here);
            numbers.pick(start, first, these, room);
            (of, to) = (later, rest);
        });
    }

    /// Does something with the rows of each part: where it starts, and which of its rows are meant.
    fn each(&self, rows: Range<usize>, mut with: impl FnMut(&Numbers, usize, Range<usize>)) {
        let first = self.parts.partition_point(|part| part.end <= rows.start);
        let mut start = first.checked_sub(1).map_or(0, |part| self.parts[part].end);
        let mut next = rows.start;
        for Part { end, numbers } in &self.parts[first..] {
            if next >= rows.end {
                return;
            }
            let until = rows.end.min(*end);
            with(numbers, start, next - start..until - start);
            (next, start) = (until, *end);
        }
    }

    /// Does something with all numbers, some at a time and in order.
    pub(crate) fn for_each(&self, mut with: impl FnMut(i64)) {
        for Part { numbers, .. } in &self.parts {
            of_any_width!(numbers, numbers => numbers.iter().for_each(|number| with(number.number())));
        }
    }

    /// The rows in another order. Needs the memory of the column once more.
    pub(crate) fn in_order(self, order: &[u32]) -> Self {
        fn sorted<T: Copy>(numbers: &[T], order: &[u32]) -> Box<[T]> {
            order.iter().map(|row| numbers[*row as usize]).collect()
        }
        let numbers = match self.joined() {
            Numbers::One(numbers) => Numbers::One(sorted(&numbers, order)),
            Numbers::Two(numbers) => Numbers::Two(sorted(&numbers, order)),
            Numbers::Four(numbers) => Numbers::Four(sorted(&numbers, order)),
            Numbers::Eight(numbers) => Numbers::Eight(sorted(&numbers, order)),
        };
        let mut column = Self::default();
        column.add(numbers, order.len());
        column
    }

    /// The rows but for some, which are given in order.
    pub(crate) fn without(self, rows: &[usize]) -> Self {
        let (mut rows, mut column) = (rows.iter().peekable(), Self::default());
        let mut kept = Vec::with_capacity(self.length);
        let mut row = 0..;
        self.for_each(|number| {
            let row = row.next().unwrap_or(usize::MAX);
            if rows.next_if_eq(&&row).is_none() {
                kept.push(number);
            }
        });
        column.push(&kept);
        column
    }

    /// All parts as one.
    fn joined(self) -> Numbers {
        fn joined<T: TryFrom<i64> + Default>(column: Column) -> Box<[T]> {
            let mut all = Vec::with_capacity(column.length);
            for Part { numbers, .. } in column.parts {
                of_any_width!(numbers, numbers => all.extend(
                    // They fit, as this is as wide as the widest.
                    numbers.iter().map(|number| T::try_from(number.number()).unwrap_or_default())
                ));
            }
            all.into()
        }
        let width = |Part { numbers, .. }: &Part| match numbers {
            Numbers::One(_) => 1,
            Numbers::Two(_) => 2,
            Numbers::Four(_) => 4,
            Numbers::Eight(_) => 8,
        };
        match self.parts.iter().map(width).max() {
            None | Some(1) => Numbers::One(joined(self)),
            Some(2) => Numbers::Two(joined(self)),
            Some(4) => Numbers::Four(joined(self)),
            Some(_) => Numbers::Eight(joined(self)),
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let numbers = self.parts.iter().map(|part| part.numbers.bytes());
        size_of::<Part>() * self.parts.capacity() + numbers.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers of all widths, mostly small.
    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![
            -3..3_i64,
            any::<i8>().prop_map(i64::from),
            any::<i16>().prop_map(i64::from),
            any::<i32>().prop_map(i64::from),
            any::<i64>()
        ]
    }

    fn parts() -> impl Strategy<Value = Vec<Vec<i64>>> {
        prop::collection::vec(prop::collection::vec(number(), 0..20), 0..8)
    }

    fn column(parts: &[Vec<i64>]) -> Column {
        let mut column = Column::default();
        parts.iter().for_each(|part| column.push(part));
        column
    }

    fn all(column: &Column) -> Vec<i64> {
        let mut all = vec![0; column.len()];
        column.read(0..column.len(), &mut all);
        all
    }

    proptest! {
        #[test]
        fn numbers_are_what_they_were(parts in parts(), one in 0_usize..160, other in 0_usize..160, asked in number()) {
            let column = column(&parts);
            let numbers = parts.concat();
            prop_assert_eq!(all(&column), numbers.clone());
            let (one, other) = (one.min(numbers.len()), other.min(numbers.len()));
            let rows = one.min(other)..one.max(other);
            let mut read = vec![0; rows.len()];
            column.read(rows.clone(), &mut read);
            prop_assert_eq!(&read, &numbers[rows.clone()]);
            for asked in [asked, numbers.get(one).copied().unwrap_or(asked)] {
                let mut found = vec![7];
                column.find(rows.clone(), asked, &mut found);
                let expected = (0..).zip(&read).filter(|(_, number)| **number == asked).map(|(row, _)| row);
                prop_assert_eq!(&found[1..], expected.collect::<Vec<u32>>());
                let mut picked = vec![0; found.len() - 1];
                column.pick(rows.clone(), &found[1..], &mut picked);
                prop_assert!(picked.iter().all(|number| *number == asked));
            }
            let every_third: Vec<u32> = (0..u32::try_from(rows.len()).expect("a few")).step_by(3).collect();
            let mut picked = vec![0; every_third.len()];
            column.pick(rows, &every_third, &mut picked);
            prop_assert_eq!(picked, read.into_iter().step_by(3).collect::<Vec<i64>>());
        }

        #[test]
        fn rows_are_put_in_order_and_taken_out(parts in parts(), more in parts()) {
            let mut whole = column(&parts);
            whole.append(column(&more));
            let numbers = [parts, more].concat().concat();
            let order: Vec<u32> = (0..u32::try_from(numbers.len()).expect("a few")).rev().collect();
            prop_assert_eq!(all(&whole.clone().in_order(&order)), numbers.iter().rev().copied().collect::<Vec<i64>>());
            let odd: Vec<usize> = (1..numbers.len()).step_by(2).collect();
            prop_assert_eq!(all(&whole.without(&odd)), numbers.iter().step_by(2).copied().collect::<Vec<i64>>());
        }
    }

    #[test]
    fn numbers_take_as_few_bytes_as_the_widest_of_a_part() {
        for (number, bytes) in [
            (127, 1),
            (-128, 1),
            (128, 2),
            (-32_769, 4),
            (i64::from(i32::MAX) + 1, 8),
            (i64::MIN, 8),
        ] {
            assert_eq!(Numbers::of(&[0, number]).bytes(), 2 * bytes, "{number}");
        }
    }
}
