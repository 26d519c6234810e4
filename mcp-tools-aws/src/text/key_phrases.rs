use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{stop_words::is_stop_word, words::Words};

/// Longer runs of words are rather clauses than phrases.
const LONGEST_PHRASE: usize = 4;

/// A phrase that tells what a text is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPhrase {
    /// The phrase as it first stands in the text.
    pub phrase: String,
    /// How often it stands in the text, in any case.
    pub occurrences: usize,
    /// Its RAKE score times its occurrences: only good for comparing phrases of one text.
    pub score: f64,
}

/// RAKE (Rose and others, 2010): phrases are runs of words between stop words and punctuation; a
/// word is worth the number of words that it stands in phrases with, over how often it stands at
/// all; a phrase is worth the sum of its words. Times its occurrences, because a phrase that is
/// used once is rarely what a text is about.
pub(super) fn key_phrases(text: &str, limit: usize) -> Vec<KeyPhrase> {
    struct Found {
        /// Where it first stands.
        at: (usize, usize),
        occurrences: usize,
    }
    let mut known = Words::default();
    // For each word, the lengths of the phrases that it stands in, summed.
    let mut degrees: Vec<usize> = Vec::new();
    let mut phrases: HashMap<Vec<usize>, Found> = HashMap::new();
    let mut run: Vec<(usize, &str)> = Vec::new();
    let mut end_run = |run: &mut Vec<(usize, &str)>| {
        let (Some(&(first, _)), Some(&(last, word))) = (run.first(), run.last()) else { return };
        if run.len() <= LONGEST_PHRASE {
            let ids: Vec<usize> = run.iter().map(|(_, word)| known.count(word)).collect();
            degrees.resize(known.distinct(), 0);
            ids.iter().for_each(|&id| degrees[id] += ids.len());
            let at = (first, last + word.len());
            phrases.entry(ids).or_insert(Found { at, occurrences: 0 }).occurrences += 1;
        }
        run.clear();
    };
    for (at, piece) in text.split_word_bound_indices() {
        let is_word = piece.chars().any(char::is_alphabetic);
        if is_word && !is_stop_word(piece) {
            run.push((at, piece));
        } else if piece != " " && piece != "-" {
            end_run(&mut run);
        }
    }
    end_run(&mut run);

    #[expect(clippy::cast_precision_loss, reason = "no text has 2^52 words")]
    let worth = |ids: &[usize], occurrences: usize| {
        let score: f64 = ids.iter().map(|&id| degrees[id] as f64 / known.count_of(id) as f64).sum();
        (score * occurrences as f64 * 100.0).round() / 100.0
    };
    let mut ranked: Vec<(f64, Found)> =
        phrases.into_iter().map(|(ids, found)| (worth(&ids, found.occurrences), found)).collect();
    ranked.sort_unstable_by(|(a, found), (b, other)| b.total_cmp(a).then(found.at.cmp(&other.at)));
    ranked
        .into_iter()
        .take(limit)
        .map(|(score, Found { at, occurrences })| KeyPhrase {
            phrase: text[at.0..at.1].to_owned(),
            occurrences,
            score,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_that_return_come_first() {
        let text = "The load balancer costs money. A load balancer has rules; the Load Balancer \
                    never sleeps. Functions sleep.";
        let phrases = key_phrases(text, 2);
        assert_eq!(phrases[0].phrase, "load balancer costs money");
        assert_eq!(phrases[1].phrase, "load balancer");
        assert_eq!(phrases[1].occurrences, 2);
    }

    #[test]
    fn a_phrase_ends_at_stop_words_punctuation_and_lines() {
        let phrases = key_phrases("red apple, green pear\nblue plum of Spain", 10);
        let phrases: Vec<&str> = phrases.iter().map(|phrase| phrase.phrase.as_str()).collect();
        assert_eq!(phrases, ["red apple", "green pear", "blue plum", "Spain"]);
    }

    #[test]
    fn a_hyphen_joins() {
        assert_eq!(key_phrases("a cost-aware server", 1)[0].phrase, "cost-aware server");
    }

    #[test]
    fn nothing_has_no_phrases() {
        assert_eq!(key_phrases("", 5), []);
        assert_eq!(key_phrases("the of 12 34 — !!", 5), []);
    }
}
