//! Suggestions for the arguments of prompts and the variables of URI templates.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Request, ToolContext, ToolError, ToolErrorKind, ToolResult, tool::until_stop};

/// What a person has typed so far into an argument of a prompt or a variable of a template.
#[derive(Clone, Debug)]
pub struct Completing {
    pub(crate) argument: String,
    pub(crate) value: String,
    pub(crate) context: BTreeMap<String, String>,
}

impl Completing {
    /// The name of the argument that is being typed.
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// What has been typed of it; empty at the beginning.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The value of another argument, if it has one by now.
    pub fn given(&self, argument: &str) -> Option<&str> {
        self.context.get(argument).map(String::as_str)
    }

    /// Those of the candidates that begin with what has been typed, in upper or lower case.
    ///
    /// ```
    /// # async fn complete(completing: &mcp_core::Completing) -> Vec<String> {
    /// completing.among(["python", "pascal", "rust"]) // `p` gives the first two
    /// # }
    /// ```
    pub fn among<T: AsRef<str>>(&self, candidates: impl IntoIterator<Item = T>) -> Vec<String> {
        let typed: Vec<char> = self.value.chars().flat_map(char::to_lowercase).collect();
        let begins = |candidate: &str| {
            let mut letters = candidate.chars().flat_map(char::to_lowercase);
            typed.iter().all(|letter| letters.next() == Some(*letter))
        };
        candidates
            .into_iter()
            .filter(|candidate| begins(candidate.as_ref()))
            .map(|candidate| candidate.as_ref().to_owned())
            .collect()
    }
}

/// The answer to `completion/complete`: at most 100 suggestions, the best first, and how many
/// there were.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Completion {
    values: Vec<String>,
    total: usize,
    #[serde(rename = "hasMore")]
    has_more: bool,
}

impl Completion {
    /// How many suggestions an answer may have (2026-07-28, Completion, Completion Results).
    const MOST: usize = 100;

    pub(crate) fn new(mut values: Vec<String>) -> Self {
        let total = values.len();
        values.truncate(Self::MOST);
        Self { values, total, has_more: total > Self::MOST }
    }

    /// The suggestions.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Writes the members of the result, without braces.
    pub(crate) fn write_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#""completion":"#);
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(out, self);
    }
}

impl From<Completion> for rmcp::model::CompletionInfo {
    fn from(completion: Completion) -> Self {
        let mut info = Self::default();
        info.values = completion.values;
        info.total = u32::try_from(completion.total).ok();
        info.has_more = Some(completion.has_more);
        info
    }
}

/// An argument that can be completed.
#[derive(Clone, Debug)]
pub(crate) struct Completable {
    pub(crate) name: &'static str,
    /// All values that there are; `None` where the author's `complete` is to be asked.
    pub(crate) values: Option<&'static [&'static str]>,
}

/// The failure of an author who asks the client while it is typing, which the protocol does not
/// know.
fn asked() -> ToolError {
    tracing::error!("a client was to be asked for its suggestions, which is not possible");
    ToolError::new(ToolErrorKind::Internal, "internal error")
}

pub(crate) type Suggestions<'a> =
    Pin<Box<dyn Future<Output = ToolResult<Vec<String>>> + Send + 'a>>;

/// What answers for the arguments of one prompt or template.
pub(crate) struct Completer {
    completable: Vec<Completable>,
    ask: Ask,
}

type Ask = Box<dyn Fn(Completing, Request, Duration) -> Suggestions<'static> + Send + Sync>;

impl Completer {
    /// Binds an author's `complete` to its state.
    pub(crate) fn new<S, F>(completable: Vec<Completable>, state: Arc<S>, complete: F) -> Self
    where
        S: Send + Sync + 'static,
        F: for<'a> Fn(&'a Completing, &'a S, &'a ToolContext) -> Suggestions<'a>
            + Copy
            + Send
            + Sync
            + 'static,
    {
        let ask: Ask = Box::new(move |completing, request, timeout| {
            let state = Arc::clone(&state);
            Box::pin(async move {
                let cx = ToolContext::new(request, timeout);
                let suggestions = complete(&completing, &state, &cx);
                until_stop(&cx, suggestions).await.unwrap_or_else(|_| Err(asked()))
            })
        });
        Self { completable, ask }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.completable.is_empty()
    }

    pub(crate) fn complete(
        &self,
        completing: Completing,
        request: Request,
        timeout: Duration,
    ) -> Suggestions<'static> {
        let completable =
            self.completable.iter().find(|completable| completable.name == completing.argument);
        match completable {
            None => Box::pin(std::future::ready(Ok(Vec::new()))),
            Some(Completable { values: Some(values), .. }) => {
                Box::pin(std::future::ready(Ok(completing.among(*values))))
            }
            Some(Completable { values: None, .. }) => (self.ask)(completing, request, timeout),
        }
    }
}

/// The parameters of `completion/complete`.
#[derive(Debug, Deserialize)]
pub(crate) struct CompleteParams {
    #[serde(rename = "ref")]
    pub(crate) reference: Reference,
    pub(crate) argument: Typed,
    #[serde(default)]
    pub(crate) context: Option<Context>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Reference {
    #[serde(rename = "ref/prompt")]
    Prompt { name: String },
    #[serde(rename = "ref/resource")]
    Resource { uri: String },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Context {
    #[serde(default)]
    pub(crate) arguments: Option<BTreeMap<String, String>>,
}

impl CompleteParams {
    pub(crate) fn into_parts(self) -> (Reference, Completing) {
        let completing = Completing {
            argument: self.argument.name,
            value: self.argument.value,
            context: self.context.and_then(|context| context.arguments).unwrap_or_default(),
        };
        (self.reference, completing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(value: &str) -> Completing {
        Completing { argument: "x".into(), value: value.into(), context: BTreeMap::new() }
    }

    #[test]
    fn candidates_begin_with_what_was_typed() {
        let candidates = ["Python", "pascal", "rust", "İzmir"];
        assert_eq!(typed("p").among(candidates), ["Python", "pascal"]);
        assert_eq!(typed("PAS").among(candidates), ["pascal"]);
        assert_eq!(typed("").among(candidates).len(), 4);
        assert!(typed("pythons").among(candidates).is_empty());
    }

    #[test]
    fn an_answer_has_at_most_a_hundred_suggestions() {
        let completion = Completion::new((0..150).map(|n| n.to_string()).collect());
        let mut out = Vec::new();
        completion.write_members(&mut out);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(completion.values().len(), 100);
        assert!(out.ends_with(r#""total":150,"hasMore":true}"#), "{out}");
    }
}
