//! A cache of the codes of short names. Files have a few names on each line, nearly always the same
//! ones: these are found by comparing two words, without following a pointer.

/// So many names have a place, of which each has one.
const PLACES: usize = 1 << 12;

/// Names of up to so many bytes have a place.
const LONGEST: usize = 16;

/// The names that were met last, one in each place.
#[derive(Default)]
pub(super) struct Recent(Vec<Option<(Key, u32)>>);

/// A name's bytes, and its length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key([u64; 2], usize);

impl Recent {
    /// The code of a name: what is known, or else what `find` says.
    pub(super) fn code(
        &mut self,
        name: &str,
        find: impl FnOnce(&str) -> Option<u32>,
    ) -> Option<u32> {
        let Some(key) = Key::of(name.as_bytes()) else { return find(name) };
        if self.0.is_empty() {
            self.0.resize(PLACES, None);
        }
        let place = &mut self.0[key.place()];
        match place {
            Some((known, code)) if *known == key => Some(*code),
            _ => {
                let code = find(name)?;
                *place = Some((key, code));
                Some(code)
            }
        }
    }
}

impl Key {
    /// Where a name is shorter than two words, they overlap.
    fn of(name: &[u8]) -> Option<Self> {
        let words = match name {
            _ if name.len() > LONGEST => return None,
            [] => [0, 0],
            [_, .., _] if name.len() >= 8 => {
                let (first, last) = (name.first_chunk()?, name.last_chunk()?);
                [u64::from_le_bytes(*first), u64::from_le_bytes(*last)]
            }
            [_, .., _] if name.len() >= 4 => {
                let (first, last) = (name.first_chunk()?, name.last_chunk()?);
                [u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()]
            }
            [first, .., last] => [u64::from(*first) << 8 | u64::from(*last), name[1].into()],
            [only] => [u64::from(*only), 0],
        };
        Some(Self(words, name.len()))
    }

    /// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4): the upper bits of a product.
    fn place(self) -> usize {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let Self([first, last], length) = self;
        let mixed = (first.wrapping_mul(GOLDEN) ^ last.rotate_left(23) ^ length as u64)
            .wrapping_mul(GOLDEN);
        usize::try_from(mixed >> (u64::BITS - PLACES.trailing_zeros())).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_name_keeps_its_own_code(names in prop::collection::vec("[ab]{0,5}|[ab]{15,18}", 0..300)) {
            let mut recent = Recent::default();
            let mut known: HashMap<String, u32> = HashMap::new();
            for name in names {
                let next = u32::try_from(known.len()).expect("a few");
                let code = *known.entry(name.clone()).or_insert(next);
                prop_assert_eq!(recent.code(&name, |name| known.get(name).copied()), Some(code));
            }
        }
    }
}
