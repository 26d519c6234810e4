use std::fmt::Write as _;

use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    KeyPhrase, Sentiment, Summary, WordCount, key_phrases::key_phrases, stop_words::is_stop_word,
};

/// From here on a text is analyzed on a thread of its own, so that other calls are served
/// meanwhile. A megabyte takes some tens of milliseconds.
const LONG_TEXT: usize = 64 * 1024;

/// Counts a text's words, tells its sentiment, summarizes it, or finds its key phrases.
///
/// The results are computed by rules, not by a model: the same text gives the same answer, and
/// nothing leaves the server. word_count works for all languages. sentiment (VADER lexicon), summary
/// (the text's own most telling sentences, unchanged) and key_phrases (RAKE) are made for English;
/// sentiment does not see irony, and is neutral for other languages. A text may be as long as a
/// request to this server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Text analyzer",
    aliases = ["text-analyzer"],
    read_only,
    idempotent,
    open_world = false
)]
pub struct TextAnalyzer {
    /// The text to analyze.
    pub text: String,
    /// What to find out.
    pub analysis_type: AnalysisType,
    /// How many sentences a summary has, or how many key phrases to list, at most; 3 sentences or 10
    /// phrases when absent. Of no meaning for the other types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub limit: Option<u8>,
}

/// What to find out about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnalysisType {
    /// Words, characters, sentences, paragraphs, lines and reading time.
    WordCount,
    /// Whether the text speaks well or ill.
    Sentiment,
    /// The text's most telling sentences.
    Summary,
    /// What the text is about, in phrases.
    KeyPhrases,
}

/// What was found out about a text: the member that is named as the type of the analysis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextAnalysis {
    /// What was asked for.
    pub analysis_type: AnalysisType,
    /// How much text there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_count: Option<WordCount>,
    /// Whether the text speaks well or ill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<Sentiment>,
    /// The text's most telling sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// What the text is about, the most telling phrase first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_phrases: Option<Vec<KeyPhrase>>,
    /// Why the result may be of little worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl<S: Send + Sync> Call<S> for TextAnalyzer {
    type Output = WithText<TextAnalysis>;

    async fn call(self, _state: &S, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let analysis = if self.text.len() < LONG_TEXT {
            self.analyze()
        } else {
            tokio::task::spawn_blocking(move || self.analyze()).await?
        };
        let text = analysis.to_text();
        Ok(WithText::new(analysis, text))
    }
}

impl TextAnalyzer {
    fn analyze(&self) -> TextAnalysis {
        let text = self.text.as_str();
        let limit = |default| self.limit.map_or(default, usize::from);
        let mut analysis = TextAnalysis {
            analysis_type: self.analysis_type,
            word_count: None,
            sentiment: None,
            summary: None,
            key_phrases: None,
            note: self.note(),
        };
        match self.analysis_type {
            AnalysisType::WordCount => analysis.word_count = Some(WordCount::of(text)),
            AnalysisType::Sentiment => analysis.sentiment = Some(Sentiment::of(text)),
            AnalysisType::Summary => analysis.summary = Some(Summary::of(text, limit(3))),
            AnalysisType::KeyPhrases => {
                analysis.key_phrases = Some(key_phrases(text, limit(10)));
            }
        }
        analysis
    }

    fn note(&self) -> Option<String> {
        if self.analysis_type == AnalysisType::WordCount {
            return None;
        }
        if !self.text.contains(char::is_alphabetic) {
            return Some("The text has no words.".to_owned());
        }
        let mut words = self.text.split_whitespace().take(400).peekable();
        let enough = words.clone().nth(9).is_some();
        let english =
            words.any(|word| is_stop_word(word.trim_matches(|c: char| !c.is_alphanumeric())));
        (enough && !english).then(|| {
            "The text does not look English, which the lexicon and the rules are made for; the \
             result may be of little worth."
                .to_owned()
        })
    }
}

impl TextAnalysis {
    fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        if let Some(note) = &self.note {
            let _ = write!(text, "\nNote: {note}");
        }
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if let Some(count) = &self.word_count {
            write!(
                out,
                "{} words ({} different), {} characters ({} without spaces), {} sentences, {} \
                 paragraphs, {} lines; about {} s to read.",
                count.words,
                count.distinct_words,
                count.characters,
                count.characters_without_spaces,
                count.sentences,
                count.paragraphs,
                count.lines,
                count.reading_seconds
            )?;
        }
        if let Some(sentiment) = &self.sentiment {
            write!(
                out,
                "The text is {} (score {}, from -1 to 1). Of its sentences {} are positive, {} \
                 neutral, {} negative.",
                sentiment.polarity.as_str(),
                sentiment.score,
                sentiment.positive_sentences,
                sentiment.neutral_sentences,
                sentiment.negative_sentences
            )?;
            if let Some(best) = &sentiment.most_positive {
                write!(out, "\nMost positive ({}): {}", best.score, best.sentence)?;
            }
            if let Some(worst) = &sentiment.most_negative {
                write!(out, "\nMost negative ({}): {}", worst.score, worst.sentence)?;
            }
        }
        if let Some(summary) = &self.summary {
            let (chosen, all) = (summary.sentences.len(), summary.of_sentences);
            write!(out, "{chosen} of {all} sentences:")?;
            for sentence in &summary.sentences {
                write!(out, "\n- {sentence}")?;
            }
        }
        if let Some(phrases) = &self.key_phrases {
            write!(out, "{} key phrases:", phrases.len())?;
            for KeyPhrase { phrase, occurrences, score } in phrases {
                write!(out, "\n- {phrase} (occurrences {occurrences}, score {score})")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    /// As long as an analysis that is linear never takes, and shorter than one by the square of these
    /// lengths: that would be 10^10 steps and more.
    const FOREVER: Duration = Duration::from_secs(60);
    const LENGTH: usize = 128 * 1024;

    /// A text of `LENGTH` bytes or a little more.
    fn repeated(start: &str, part: &str) -> String {
        start.to_owned() + &part.repeat(LENGTH / part.len())
    }

    /// Texts in which something has no end.
    fn endless() -> Vec<(&'static str, String)> {
        let sentence = "Servers cost money every month that nobody counts. ";
        let words: String = (0..LENGTH / 16).map(|word| format!("word{word} ")).collect();
        vec![
            ("a word", repeated("", "x")),
            ("a sentence", repeated("", "word and word ")),
            ("different words", words.clone()),
            (
                "a sentence before many",
                "cat ".repeat(LENGTH / 8) + ". " + &words.replace(" ", ". "),
            ),
            ("sentences of a word", repeated("", "No. ")),
            ("sentences", repeated("", sentence)),
            ("brackets after a point", repeated("a.", ")")),
            ("spaces after a point", repeated("a.", " ")),
            ("brackets and digits after points", repeated("", ".)))))))1 ")),
            ("points", repeated("", ".")),
            ("punctuation", repeated("", "!?,;:-")),
            ("lines", repeated("", "\n")),
            ("accents", repeated("e", "\u{301}")),
            ("families", repeated("", "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}")),
            ("one family", repeated("\u{1f469}", "\u{200d}\u{1f469}")),
            ("flags", repeated("", "\u{1f1e9}")),
            ("a conjunct", repeated("", "\u{915}\u{94d}")),
            ("middles of words", repeated("a", ":'\u{301}")),
            ("praise", repeated("", "not very GOOD!!! :) ")),
        ]
    }

    fn ends(what: &str, text: &str, analysis_type: AnalysisType) {
        let analyzer = TextAnalyzer { text: text.to_owned(), analysis_type, limit: Some(50) };
        let (done, is_done) = mpsc::channel();
        // Who has waited too long is gone.
        thread::spawn(move || drop(done.send(Box::new(analyzer.analyze()))));
        let analysis = is_done.recv_timeout(FOREVER);
        let Ok(analysis) = analysis else { panic!("{analysis_type:?} of {what}") };
        assert_eq!(analysis.analysis_type, analysis_type);
    }

    /// Time that grows by the square makes one request block a thread for hours.
    #[test]
    fn no_text_takes_time_by_the_square_of_its_length() {
        for (what, text) in endless() {
            for analysis_type in [
                AnalysisType::WordCount,
                AnalysisType::Sentiment,
                AnalysisType::Summary,
                AnalysisType::KeyPhrases,
            ] {
                ends(what, &text, analysis_type);
            }
        }
    }

    /// Each of the sentences after it would weigh all of its words again: 2 * 10^10 times a word.
    #[test]
    fn the_best_sentence_is_weighed_once() {
        let text = "cat ".repeat(1 << 18) + ". " + &"Dog. ".repeat(1 << 16);
        ends("a sentence before many", &text, AnalysisType::Summary);
    }
}
