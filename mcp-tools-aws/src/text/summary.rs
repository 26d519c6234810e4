use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    stop_words::is_stop_word,
    words::{Words, beginning, sentences},
};

/// A sentence with fewer words of content says too little to stand for a text.
const FEWEST_WORDS: usize = 4;

/// How much of a sentence an answer repeats, in characters.
const LONGEST_QUOTE: usize = 600;

/// The sentences that say most of what a text is about, as they stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The chosen sentences in the order of the text, each cut after 600 characters.
    pub sentences: Vec<String>,
    /// How many sentences the text has.
    pub of_sentences: usize,
}

struct Candidate<'a> {
    text: &'a str,
    /// Where its words of content begin in the list of all.
    words: std::ops::Range<usize>,
    chosen: bool,
}

impl Summary {
    /// After SumBasic (Nenkova and Vanderwende, 2005): a sentence is worth the mean probability of
    /// its words; words that have been said are worth half, so that the next sentence says more.
    /// SumBasic squares them, which makes anything unrelated win in a short text. `limit` is small,
    /// and each choice looks at each word once.
    pub(super) fn of(text: &str, limit: usize) -> Self {
        let mut known = Words::default();
        let mut words = Vec::new();
        let mut candidates: Vec<Candidate<'_>> = sentences(text)
            .map(|sentence| {
                let first = words.len();
                let content = sentence.unicode_words().filter(|word| !is_stop_word(word));
                words.extend(content.map(|word| known.count(word)));
                Candidate { text: sentence, words: first..words.len(), chosen: false }
            })
            .collect();
        let of_sentences = candidates.len();
        if of_sentences <= limit {
            candidates.iter_mut().for_each(|candidate| candidate.chosen = true);
        }

        #[expect(clippy::cast_precision_loss, reason = "no text has 2^52 words")]
        let mut worth: Vec<f64> =
            (0..known.distinct()).map(|word| known.count_of(word) as f64).collect();
        let mut said = vec![false; known.distinct()];
        let is_long = |candidate: &Candidate<'_>| candidate.words.len() >= FEWEST_WORDS;
        let enough = candidates.iter().filter(|candidate| is_long(candidate)).count() >= limit;
        while candidates.iter().filter(|candidate| candidate.chosen).count() < limit {
            let best = (0..)
                .zip(&candidates)
                .filter(|(_, candidate)| !candidate.chosen && (!enough || is_long(candidate)))
                .map(|(index, candidate)| (index, &words[candidate.words.clone()]))
                .filter(|(_, words)| words.iter().any(|&word| !said[word]))
                .map(|(index, words): (usize, _)| (index, mean(words, &worth)))
                // Of equals the first: texts say first what matters.
                .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
                .map(|(index, _)| index);
            let Some(best) = best else { break };
            candidates[best].chosen = true;
            for &word in &words[candidates[best].words.clone()] {
                if !std::mem::replace(&mut said[word], true) {
                    worth[word] /= 2.0;
                }
            }
        }
        let chosen = candidates.iter().filter(|candidate| candidate.chosen);
        let sentences = chosen.map(|chosen| beginning(chosen.text, LONGEST_QUOTE)).collect();
        Self { sentences, of_sentences }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no sentence has 2^52 words")]
fn mean(words: &[usize], worth: &[f64]) -> f64 {
    let sum: f64 = words.iter().map(|&word| worth[word]).sum();
    sum / words.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Lambda functions scale with the requests of the server. Lambda functions \
        cost nothing while no requests arrive. My neighbour bought a red bicycle yesterday \
        afternoon. A load balancer costs money around the clock, requests or none. Yes.";

    #[test]
    fn what_the_text_is_about_is_chosen_in_its_order() {
        let summary = Summary::of(TEXT, 2);
        assert_eq!(
            summary.sentences,
            [
                "Lambda functions scale with the requests of the server.",
                "Lambda functions cost nothing while no requests arrive."
            ]
        );
        assert_eq!(summary.of_sentences, 5);
    }

    #[test]
    fn a_sentence_that_repeats_another_is_not_chosen_twice() {
        let text = "Servers cost money every month. Servers cost money every month. \
                    Functions sleep between requests quietly.";
        let summary = Summary::of(text, 2);
        assert_eq!(summary.sentences.len(), 2);
        assert!(summary.sentences[1].starts_with("Functions"), "{summary:?}");
    }

    #[test]
    fn a_short_text_is_its_own_summary() {
        assert_eq!(Summary::of("One. Two.", 5).sentences, ["One.", "Two."]);
        assert_eq!(Summary::of("", 5), Summary { sentences: Vec::new(), of_sentences: 0 });
    }
}
