//! `text_analyzer` as a client meets it.
#![cfg(feature = "text")]

use mcp_core::Server;
use mcp_testing::Harness;
use mcp_tools_aws::{AnalysisType, Polarity, TextAnalysis, TextAnalyzer, text_pack};
use serde_json::json;

fn server() -> Server {
    Server::builder("text", "1").pack(text_pack()).build()
}

fn analyzer(text: impl Into<String>, analysis_type: AnalysisType) -> TextAnalyzer {
    TextAnalyzer { text: text.into(), analysis_type, limit: None }
}

#[mcp_testing::test(server())]
async fn each_type_answers_its_own_member(mcp: Harness) {
    const TEXT: &str = "Lambda is great for small servers. A load balancer is expensive.";
    for (analysis_type, member) in [
        (AnalysisType::WordCount, "word_count"),
        (AnalysisType::Sentiment, "sentiment"),
        (AnalysisType::Summary, "summary"),
        (AnalysisType::KeyPhrases, "key_phrases"),
    ] {
        let answer = mcp.call(analyzer(TEXT, analysis_type)).await;
        let value: serde_json::Value = answer.structured();
        let members: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(members.len(), 2, "{members:?}");
        assert!(value.get(member).is_some(), "{value}");
    }
}

#[mcp_testing::test(server())]
async fn the_hyphenated_name_is_accepted(mcp: Harness) {
    let arguments = json!({ "text": "Terrible. Awful.", "analysis_type": "sentiment" });
    let answer = mcp.try_call("text-analyzer", arguments).await.expect("served");
    let analysis: TextAnalysis = answer.structured();
    assert_eq!(analysis.sentiment.map(|found| found.polarity), Some(Polarity::Negative));
}

#[mcp_testing::test(server())]
async fn a_long_text_is_counted_whole(mcp: Harness) {
    let text = "Twelve words stand in this sentence, which is repeated very many times.\n";
    let text = text.repeat(10_000);
    let answer = mcp.call(analyzer(text, AnalysisType::WordCount)).await;
    let count = answer.structured::<TextAnalysis>().word_count.expect("a count");
    assert_eq!((count.words, count.sentences, count.distinct_words), (120_000, 10_000, 12));
}

#[mcp_testing::test(server())]
async fn another_language_is_noted(mcp: Harness) {
    let text = "Der Server läuft seit gestern ohne Fehler und kostet fast gar nichts mehr.";
    let answer = mcp.call(analyzer(text, AnalysisType::Sentiment)).await;
    assert!(answer.text().contains("does not look English"), "{}", answer.text());
    let answer = mcp.call(analyzer("123 456", AnalysisType::Summary)).await;
    assert!(answer.text().contains("no words"), "{}", answer.text());
}

#[mcp_testing::test(server())]
async fn an_unknown_type_lists_the_known_ones(mcp: Harness) {
    let arguments = json!({ "text": "x", "analysis_type": "translation" });
    let error = mcp.try_call("text_analyzer", arguments).await.expect("served").tool_error();
    assert!(
        error.contains("\"word_count\", \"sentiment\", \"summary\", \"key_phrases\""),
        "{error}"
    );
}
