//! Which members of an object or items of an array have been looked at.

/// A set of places, kept without asking for memory up to the 64th.
#[derive(Clone, Debug, Default)]
pub(super) struct Evaluated {
    all: bool,
    first: u64,
    rest: Vec<u64>,
}

impl Evaluated {
    pub(super) fn add(&mut self, place: usize) {
        match place.checked_sub(64) {
            None => self.first |= 1 << place,
            Some(place) => {
                let word = place / 64;
                if self.rest.len() <= word {
                    self.rest.resize(word + 1, 0);
                }
                self.rest[word] |= 1 << (place % 64);
            }
        }
    }

    pub(super) fn add_all(&mut self) {
        self.all = true;
    }

    pub(super) fn add_those_of(&mut self, other: &Self) {
        self.all |= other.all;
        self.first |= other.first;
        if self.rest.len() < other.rest.len() {
            self.rest.resize(other.rest.len(), 0);
        }
        for (word, other) in self.rest.iter_mut().zip(&other.rest) {
            *word |= other;
        }
    }

    pub(super) fn has(&self, place: usize) -> bool {
        self.all
            || match place.checked_sub(64) {
                None => self.first >> place & 1 == 1,
                Some(place) => {
                    self.rest.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept_wherever_they_are() {
        let mut even = Evaluated::default();
        (0..300).step_by(2).for_each(|place| even.add(place));
        let mut third = Evaluated::default();
        (0..600).step_by(3).for_each(|place| third.add(place));
        third.add_those_of(&even);
        for place in 0..700 {
            assert_eq!(even.has(place), place < 300 && place % 2 == 0, "{place}");
            assert_eq!(third.has(place), even.has(place) || place < 600 && place % 3 == 0);
        }
        even.add_all();
        assert!(even.has(12_345));
    }
}
