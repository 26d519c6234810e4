use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::words::{Words, sentences};

/// Words that an adult reads silently in a minute, in English: Brysbaert, "How many words do we
/// read per minute?", Journal of Memory and Language 109 (2019).
const WORDS_A_MINUTE: usize = 238;

/// How much text there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WordCount {
    /// Words (Unicode Standard Annex 29): runs of letters and digits. Of scripts without spaces
    /// between words each Han character and each run of Katakana counts as one.
    pub words: usize,
    /// Words that differ in more than case.
    pub distinct_words: usize,
    /// Characters as a reader counts them: an emoji or a letter with its accents is one.
    pub characters: usize,
    /// Characters that are not white space.
    pub characters_without_spaces: usize,
    /// Sentences that contain a word. A line ends a sentence; so do the point of an abbreviation
    /// before a capital letter, and 32 characters in a row that are neither letters nor digits.
    pub sentences: usize,
    /// Blocks of lines between blank lines.
    pub paragraphs: usize,
    /// Lines, blank ones too.
    pub lines: usize,
    /// Seconds that an adult takes to read the text silently, at 238 words a minute.
    pub reading_seconds: usize,
}

impl WordCount {
    pub(super) fn of(text: &str) -> Self {
        let mut known = Words::default();
        let mut words = 0;
        for word in text.unicode_words() {
            known.count(word);
            words += 1;
        }
        let (mut characters, mut spaces) = (0, 0);
        for character in text.graphemes(true) {
            characters += 1;
            spaces += usize::from(character.chars().all(char::is_whitespace));
        }
        let (mut lines, mut paragraphs, mut after_blank) = (0, 0, true);
        for line in text.lines() {
            let blank = line.trim().is_empty();
            lines += 1;
            paragraphs += usize::from(after_blank && !blank);
            after_blank = blank;
        }
        Self {
            words,
            distinct_words: known.distinct(),
            characters,
            characters_without_spaces: characters - spaces,
            sentences: sentences(text).count(),
            paragraphs,
            lines,
            reading_seconds: (words * 60).div_ceil(WORDS_A_MINUTE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unicodes_and_characters_are_the_readers() {
        let count = WordCount::of("Größe isn't 3.14 👩‍👩‍👧!\r\nZweite Zeile.\n\n\nDer dritte Absatz");
        assert_eq!(
            count,
            WordCount {
                words: 8,
                distinct_words: 8,
                characters: 53,
                characters_without_spaces: 43,
                sentences: 3,
                paragraphs: 2,
                lines: 5,
                reading_seconds: 3,
            }
        );
    }

    #[test]
    fn han_characters_are_words() {
        assert_eq!(WordCount::of("今天天气很好。").words, 6);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(WordCount::of(""), WordCount::default());
        let blank = WordCount::of(" \n\t\n");
        assert_eq!((blank.words, blank.sentences, blank.paragraphs, blank.lines), (0, 0, 0, 2));
    }
}
