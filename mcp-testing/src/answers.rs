#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

use std::{collections::BTreeMap, fmt, sync::Arc};

use mcp_core::model::{
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    ElicitationAction, ListRootsResult, Root,
};
use rmcp::{
    ErrorData,
    model::{ErrorCode, InputRequest, InputRequests, InputResponses},
};
use serde_json::Value;

use crate::Failure;

/// What a server asks its client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Asked {
    /// The user should fill in a form.
    Form {
        /// What the user is told.
        message: String,
        /// The schema of the form.
        schema: Value,
    },
    /// The user should visit a page.
    Url {
        /// What the user is told.
        message: String,
        /// The page.
        url: String,
    },
    /// The model should write something.
    Sample(Box<CreateMessageRequestParams>),
    /// Where the client works.
    Roots,
}

/// What a test's client answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The user agrees, with this form, or with null to a page.
    Accept(Value),
    /// The user says no.
    Decline,
    /// The user closes the dialog.
    Cancel,
    /// The model has written this.
    Sampled(Box<CreateMessageResult>),
    /// The client works here.
    Roots(Vec<Root>),
    /// The client does not do it.
    Fail(Failure),
}

/// How a test answers what its server asks.
#[derive(Clone)]
pub(crate) struct Answers(Arc<dyn Fn(Asked) -> Answer + Send + Sync>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self::new(|asked| {
            let message = format!("the test does not say how to answer {asked:?}");
            Answer::Fail(Failure { code: ErrorCode::INTERNAL_ERROR.0, message })
        })
    }
}

impl Answers {
    pub(crate) fn new(answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    pub(crate) fn elicit(&self, params: ElicitRequestParams) -> Result<ElicitResult, ErrorData> {
        let asked = match params {
            ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
                let schema = serde_json::to_value(requested_schema);
                Asked::Form { message, schema: schema.expect("a schema is JSON") }
            }
            ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
                Asked::Url { message, url }
            }
            other => panic!("the client knows no {other:?}"),
        };
        match (self.0)(asked) {
            Answer::Accept(Value::Null) => Ok(ElicitResult::new(ElicitationAction::Accept)),
            Answer::Accept(content) => {
                Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content))
            }
            Answer::Decline => Ok(ElicitResult::new(ElicitationAction::Decline)),
            Answer::Cancel => Ok(ElicitResult::new(ElicitationAction::Cancel)),
            other => Err(other.misplaced()),
        }
    }

    pub(crate) fn sample(
        &self,
        params: CreateMessageRequestParams,
    ) -> Result<CreateMessageResult, ErrorData> {
        match (self.0)(Asked::Sample(Box::new(params))) {
            Answer::Sampled(result) => Ok(*result),
            other => Err(other.misplaced()),
        }
    }

    pub(crate) fn roots(&self) -> Result<ListRootsResult, ErrorData> {
        match (self.0)(Asked::Roots) {
            Answer::Roots(roots) => Ok(ListRootsResult::new(roots)),
            other => Err(other.misplaced()),
        }
    }

    /// Answers all that a modern server asks for at once.
    pub(crate) fn all(&self, requests: InputRequests) -> Result<InputResponses, ErrorData> {
        let answer = |request| {
            let result = match request {
                InputRequest::Elicitation(request) => {
                    serde_json::to_value(self.elicit(request.params)?)
                }
                InputRequest::CreateMessage(request) => {
                    serde_json::to_value(self.sample(request.params)?)
                }
                InputRequest::ListRoots(_) => serde_json::to_value(self.roots()?),
                other => panic!("the client knows no {other:?}"),
            };
            Ok(result.expect("an answer is JSON"))
        };
        requests
            .into_iter()
            .map(|(key, request)| Ok((key, answer(request)?)))
            .collect::<Result<BTreeMap<_, _>, _>>()
    }
}

impl Answer {
    /// What becomes of an answer to another kind of question.
    fn misplaced(self) -> ErrorData {
        match self {
            Self::Fail(failure) => ErrorData::new(ErrorCode(failure.code), failure.message, None),
            other => panic!("no answer to this question: {other:?}"),
        }
    }
}
