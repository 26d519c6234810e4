//! A tool pack about AWS: what things cost, where to run a server, and text analysis.

#[cfg(feature = "text")]
mod text;

#[cfg(feature = "text")]
pub use crate::text::{
    AnalysisType, KeyPhrase, Polarity, ScoredSentence, Sentiment, Summary, TextAnalysis,
    TextAnalyzer, WordCount, text_pack,
};
