//! A cache of the codes of short names. Files have a few names on each line, nearly always the same
//! ones: these are found by comparing two words, without following a pointer.

/// So many names have a place, of which each has one.
const PLACES: usize = 1 << 12;

/// The names that were met last, one in each place: those of up to two words of memory, and those of up
/// to four.
#[derive(Default)]
pub(super) struct Recent {
    short: Places<2>,
    long: Places<4>,
}

/// Names of up to so many words.
#[derive(Default)]
struct Places<const WORDS: usize>(Vec<Entry<WORDS>>);

/// A name and its code. Small, so that more of them fit into a processor's cache.
#[derive(Clone, Copy)]
struct Entry<const WORDS: usize> {
    words: [u64; WORDS],
    length: u32,
    code: u32,
}

impl Recent {
    /// The code of a name, if it is known here.
    pub(super) fn known(&self, name: &[u8]) -> Option<u32> {
        match short(name) {
            Some(words) => self.short.known(words, name.len()),
            None => self.long.known(long(name)?, name.len()),
        }
    }

    /// The code of a name: what is known, or else what `find` says.
    pub(super) fn code(
        &mut self,
        name: &str,
        find: impl FnOnce(&str) -> Option<u32>,
    ) -> Option<u32> {
        let name_bytes = name.as_bytes();
        if let Some(code) = self.known(name_bytes) {
            return Some(code);
        }
        let code = find(name)?;
        if let Some(words) = short(name_bytes) {
            self.short.note(words, name.len(), code);
        } else if let Some(words) = long(name_bytes) {
            self.long.note(words, name.len(), code);
        }
        Some(code)
    }
}

impl<const WORDS: usize> Places<WORDS> {
    fn known(&self, words: [u64; WORDS], length: usize) -> Option<u32> {
        let entry = self.0.get(place(words, length))?;
        (entry.words == words && entry.length as usize == length).then_some(entry.code)
    }

    fn note(&mut self, words: [u64; WORDS], length: usize, code: u32) {
        if self.0.is_empty() {
            // No name that has a place is so long.
            let empty = Entry { words: [0; WORDS], length: u32::MAX, code: 0 };
            self.0.resize(PLACES, empty);
        }
        if let Ok(length_here) = u32::try_from(length) {
            self.0[place(words, length)] = Entry { words, length: length_here, code };
        }
    }
}

/// The bytes of a name of up to 16. Where it is shorter than two words, they overlap.
fn short(name: &[u8]) -> Option<[u64; 2]> {
    Some(match name {
        _ if name.len() > 16 => return None,
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
    })
}

/// The bytes of a name of 16 to 32.
fn long(name: &[u8]) -> Option<[u64; 4]> {
    if name.len() > 32 {
        return None;
    }
    let (start, end) = (name.first_chunk::<16>()?, name.last_chunk::<16>()?);
    let ([a, b], [c, d]) = (short(start)?, short(end)?);
    Some([a, b, c, d])
}

/// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4): the upper bits of products.
fn place<const WORDS: usize>(words: [u64; WORDS], length: usize) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |mixed: u64, word: u64| (mixed.rotate_left(23) ^ word).wrapping_mul(GOLDEN);
    let mixed = words.into_iter().fold(length as u64, mix);
    usize::try_from(mixed >> (u64::BITS - PLACES.trailing_zeros())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_name_keeps_its_own_code(names in prop::collection::vec("[ab]{0,5}|[ab]{15,18}|[ab]{31,34}", 0..300)) {
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
