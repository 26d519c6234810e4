use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vader_parity::SentimentIntensityAnalyzer;

use super::words::{beginning, sentences};

/// Where VADER's authors draw the line between neutral and not.
const THRESHOLD: f64 = 0.05;

/// What is scored at once, in bytes. A longer sentence is scored in parts, so that time stays
/// linear whatever the scorer does with a text that never ends.
const LONGEST_SENTENCE: usize = 4096;

/// How much of a sentence an answer repeats, in characters.
const LONGEST_QUOTE: usize = 300;

static VADER: LazyLock<SentimentIntensityAnalyzer> = LazyLock::new(SentimentIntensityAnalyzer::new);

/// Whether a text or a sentence speaks well or ill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// A score of 0.05 or more.
    Positive,
    /// A score between -0.05 and 0.05.
    Neutral,
    /// A score of -0.05 or less.
    Negative,
}

impl Polarity {
    fn of(score: f64) -> Self {
        if score >= THRESHOLD {
            Self::Positive
        } else if score <= -THRESHOLD {
            Self::Negative
        } else {
            Self::Neutral
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Neutral => "neutral",
            Self::Negative => "negative",
        }
    }
}

/// The sentiment of a text by the VADER lexicon and rules (Hutto and Gilbert, 2014).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sentiment {
    /// The sentiment of the text as a whole.
    pub polarity: Polarity,
    /// The mean of the sentences' compound scores, from -1 (most negative) to 1 (most positive).
    pub score: f64,
    /// How many sentences are positive.
    pub positive_sentences: usize,
    /// How many sentences are neutral.
    pub neutral_sentences: usize,
    /// How many sentences are negative.
    pub negative_sentences: usize,
    /// The sentence with the highest score, if one is positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_positive: Option<ScoredSentence>,
    /// The sentence with the lowest score, if one is negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_negative: Option<ScoredSentence>,
}

/// A sentence and its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoredSentence {
    /// The sentence, cut after 300 characters.
    pub sentence: String,
    /// Its compound score, from -1 to 1.
    pub score: f64,
}

impl Sentiment {
    pub(super) fn of(text: &str) -> Self {
        let mut counts = [0_usize; 3];
        let mut sum = 0.0;
        let (mut best, mut worst) = (("", THRESHOLD), ("", -THRESHOLD));
        for sentence in sentences(text).flat_map(parts) {
            let score = VADER.polarity_scores(sentence).compound;
            counts[Polarity::of(score) as usize] += 1;
            sum += score;
            if score >= best.1 && (best.0.is_empty() || score > best.1) {
                best = (sentence, score);
            }
            if score <= worst.1 && (worst.0.is_empty() || score < worst.1) {
                worst = (sentence, score);
            }
        }
        let [positive_sentences, neutral_sentences, negative_sentences] = counts;
        let scored = counts.iter().sum::<usize>().max(1);
        #[expect(clippy::cast_precision_loss, reason = "no text has 2^52 sentences")]
        let score = (sum / scored as f64 * 10_000.0).round() / 10_000.0;
        let quote = |(sentence, score): (&str, f64)| {
            let sentence = beginning(sentence, LONGEST_QUOTE);
            (!sentence.is_empty()).then_some(ScoredSentence { sentence, score })
        };
        Self {
            polarity: Polarity::of(score),
            score,
            positive_sentences,
            neutral_sentences,
            negative_sentences,
            most_positive: quote(best),
            most_negative: quote(worst),
        }
    }
}

/// A sentence, or the parts of one that is too long, cut at spaces where there are any.
fn parts(sentence: &str) -> impl Iterator<Item = &str> {
    let mut rest = sentence;
    std::iter::from_fn(move || {
        if rest.len() <= LONGEST_SENTENCE {
            return (!rest.is_empty()).then(|| std::mem::take(&mut rest));
        }
        let limit = (1..=LONGEST_SENTENCE).rev().find(|at| rest.is_char_boundary(*at));
        let limit = limit.unwrap_or(rest.len());
        let cut = rest[..limit].rfind(char::is_whitespace).filter(|cut| *cut > 0).unwrap_or(limit);
        let (part, after) = rest.split_at(cut);
        rest = after;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negation_and_emphasis_count() {
        let score = |text| Sentiment::of(text).score;
        assert!(score("The service is good.") > 0.4);
        assert!(score("The service is not good.") < -0.3);
        assert!(score("The service is VERY GOOD!!!") > score("The service is very good."));
        // What the reference implementation says of its own example.
        assert_eq!(score("VADER is smart, handsome, and funny."), 0.8316);
    }

    #[test]
    fn a_text_is_the_mean_of_its_sentences() {
        let sentiment = Sentiment::of("I love it. It is a box. It broke and that was horrible.");
        assert_eq!(
            (
                sentiment.positive_sentences,
                sentiment.neutral_sentences,
                sentiment.negative_sentences
            ),
            (1, 1, 1)
        );
        assert_eq!(sentiment.most_positive.map(|best| best.sentence), Some("I love it.".into()));
        assert_eq!(
            sentiment.most_negative.map(|worst| worst.sentence),
            Some("It broke and that was horrible.".into())
        );
    }

    #[test]
    fn words_that_only_contain_a_word_of_the_lexicon_do_not_count() {
        // A search for substrings finds "bad" in "badge" and "good" in "goods".
        assert_eq!(Sentiment::of("The badge is with the goods.").polarity, Polarity::Neutral);
    }

    #[test]
    fn a_sentence_without_end_is_scored_in_parts() {
        let endless = "great ".repeat(5_000);
        let sentiment = Sentiment::of(&endless);
        assert_eq!(sentiment.positive_sentences, endless.trim().len().div_ceil(LONGEST_SENTENCE));
        assert_eq!(parts(&endless).collect::<String>(), endless);
        let unbroken = "ü".repeat(LONGEST_SENTENCE);
        assert_eq!(parts(&unbroken).collect::<String>(), unbroken);
    }
}
