//! What there is to say about a text without a model: counts, sentiment, a summary, key phrases.
//!
//! Everything here takes time and memory linear in the length of the text.

mod key_phrases;
mod sentiment;
mod stop_words;
mod summary;
mod text_analyzer;
mod word_count;
mod words;

use mcp_core::ToolPack;

pub use self::{
    key_phrases::KeyPhrase,
    sentiment::{Polarity, ScoredSentence, Sentiment},
    summary::Summary,
    text_analyzer::{AnalysisType, TextAnalysis, TextAnalyzer},
    word_count::WordCount,
};

/// The tools about text. They need no state, no network and no AWS account.
pub fn text_pack() -> ToolPack<()> {
    ToolPack::new("text", ()).tool::<TextAnalyzer>()
}
