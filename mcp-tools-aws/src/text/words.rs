use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation as _;

/// The words of a text, each known by a number, so that they are compared and counted cheaply.
#[derive(Debug, Default)]
pub(super) struct Words {
    ids: HashMap<Box<str>, usize>,
    /// How often each word stands in the text.
    counts: Vec<usize>,
    /// Where a word that is in upper case is written in lower case for its look-up.
    folded: String,
}

impl Words {
    /// The number of a word, in any case. Counts it.
    pub(super) fn count(&mut self, word: &str) -> usize {
        self.folded.clear();
        self.folded.extend(word.chars().flat_map(char::to_lowercase));
        let id = match self.ids.get(self.folded.as_str()) {
            Some(&id) => id,
            None => {
                let id = self.counts.len();
                self.ids.insert(self.folded.as_str().into(), id);
                self.counts.push(0);
                id
            }
        };
        self.counts[id] += 1;
        id
    }

    /// How often a word that has been counted stands in the text.
    pub(super) fn count_of(&self, id: usize) -> usize {
        self.counts[id]
    }

    /// How many different words there are.
    pub(super) fn distinct(&self) -> usize {
        self.counts.len()
    }
}

/// So many characters in a row that are neither letters nor digits end a sentence.
const LONGEST_GAP: usize = 32;

/// The sentences of a text (Unicode Standard Annex 29), without the space around them. A line ends
/// a sentence, and so does a gap of 32 characters that are neither letters nor digits.
pub(super) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    // After a point, unicode-segmentation 1.13.3 looks for each of the spaces and brackets that
    // follow how the text goes on, up to the next letter or point: a long run of them would take time
    // by the square of its length.
    runs(text).flat_map(|run| {
        let mut sentences = run.unicode_sentences();
        // Hides `size_hint`, which subtracts one from the length of what is left: from nothing, at
        // the end.
        std::iter::from_fn(move || sentences.next())
            .map(str::trim)
            .filter(|sentence| !sentence.is_empty())
    })
}

/// A text, cut in its long gaps.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut gap = 0;
        let end = rest.char_indices().find_map(|(at, character)| {
            gap = if character.is_alphanumeric() { 0 } else { gap + 1 };
            (gap > LONGEST_GAP).then_some(at)
        });
        let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!run.is_empty()).then_some(run)
    })
}

/// The beginning of a text, cut after `limit` characters at most.
pub(super) fn beginning(text: &str, limit: usize) -> String {
    match text.grapheme_indices(true).nth(limit) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_same_in_any_case() {
        let mut words = Words::default();
        let straße = words.count("Straße");
        assert_ne!(words.count("Gasse"), straße);
        assert_eq!(words.count("straße"), straße);
        assert_eq!((words.count_of(straße), words.distinct()), (2, 2));
    }

    #[test]
    fn a_long_gap_ends_a_sentence() {
        let gap = " ".repeat(LONGEST_GAP);
        let found = |text: &str| sentences(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found(&format!("One{gap}two. Three.")), [&format!("One{gap}two."), "Three."]);
        assert_eq!(found(&format!("One{gap} two. Three.")), ["One", "two.", "Three."]);
        let text = format!("{}ü{}", "👩‍👩‍👧 ".repeat(100), ")".repeat(100));
        assert_eq!(runs(&text).collect::<String>(), text);
        assert!(runs(&text).all(|run| run.chars().count() <= LONGEST_GAP * 2 + 1));
    }

    #[test]
    fn a_beginning_is_cut_between_characters() {
        assert_eq!(beginning("naïve 👩‍👩‍👧 text", 7), "naïve 👩‍👩‍👧…");
        assert_eq!(beginning("short", 5), "short");
    }
}
