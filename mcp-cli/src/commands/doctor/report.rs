use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::json;

use crate::{exit::Failure, output, user::one_line};

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// What was looked at, what was found, and what to change.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    about: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Doubtful,
    Wrong,
}

impl Finding {
    pub(super) fn good(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Good, found: found.into(), advice: None }
    }

    /// Works, or may be meant so.
    pub(super) fn doubtful(
        about: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { about, verdict: Verdict::Doubtful, found: found.into(), advice }
    }

    pub(super) fn wrong(
        about: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { about, verdict: Verdict::Wrong, found: found.into(), advice }
    }
}

#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub(super) fn failures(&self) -> usize {
        self.0.iter().filter(|finding| finding.verdict == Verdict::Wrong).count()
    }

    pub(super) fn print(&self, is_json: bool) -> Result<(), Failure> {
        if is_json {
            return output::print_json(&json!({ "findings": self.0 }));
        }
        let mut text = String::new();
        for Finding { about, verdict, found, advice } in &self.0 {
            let (style, mark) = match verdict {
                Verdict::Good => (GREEN, "ok   "),
                Verdict::Doubtful => (YELLOW, "hm   "),
                Verdict::Wrong => (RED, "wrong"),
            };
            text += &format!("{style}{mark}{style:#}  {about}: {}\n", one_line(found));
            if let Some(advice) = advice {
                text += &format!("       {}\n", one_line(advice));
            }
        }
        output::print(&text)
    }
}
