#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

use std::fmt::Write as _;

use rmcp::model::{
    ClientCapabilities, ContextInclusion, CreateMessageRequestParams, CreateMessageResult,
    ListRootsResult, Root,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::{Asking, call::Answer, form::FormSchema, seal::random};
use crate::{
    Era, ErrorKind, RpcError, ToolContext, ToolError, ToolErrorKind, ToolResult,
    session::{NoAnswer, SessionClient},
    task::TaskLink,
};

/// How often a task asks the same when it is answered what is no answer.
const ATTEMPTS: usize = 3;

/// What the user made of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a user who declines wants the tool not to go on"]
pub enum Elicited<F> {
    /// The user agreed, with this.
    Accepted(F),
    /// The user said no.
    Declined,
    /// The user said nothing: the dialog was closed.
    Cancelled,
}

impl<F> Elicited<F> {
    /// What the user agreed to.
    ///
    /// With [`OrToolError`](crate::OrToolError) it ends a call that the user does not want:
    /// `….accepted().or_tool_error(PermissionDenied, "the user declined")?`.
    pub fn accepted(self) -> Option<F> {
        match self {
            Self::Accepted(form) => Some(form),
            Self::Declined | Self::Cancelled => None,
        }
    }
}

/// A question with a name of its own, from [`ToolContext::question`].
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    cx: &'a ToolContext,
    name: Option<&'a str>,
}

/// One request to the client.
struct Ask {
    /// What a key begins with that has no other name.
    kind: &'static str,
    method: &'static str,
    params: Option<Value>,
    /// What a client must have declared, for the error that says so.
    required: Value,
    is_supported: fn(&ClientCapabilities, &Option<Value>) -> bool,
}

/// # Asking
///
/// A tool may ask the user to fill in a form ([`elicit`](Self::elicit)) or to visit a page
/// ([`elicit_url`](Self::elicit_url)), the client's model to write something
/// ([`sample`](Self::sample)), and the client for the folders that it works in
/// ([`roots`](Self::roots)). The tool awaits the answer, whatever client it has:
///
/// - A *legacy* client is asked there and then, through its session. The call waits; its deadline
///   begins anew with each answer.
/// - A *modern* client gets the question instead of a result, and makes the call again with the
///   answer (2026-07-28, Multi Round-Trip Requests). **The tool is then run again from its start,**
///   by any replica that has the same [`StateKeys`](crate::StateKeys). What was asked before is
///   answered at once, from `requestState`, which travels with the client, sealed.
/// - The client of a [task](crate::tasks) finds the question when it asks for the task's status.
///   The work waits where it is, within its deadline, and nothing is run again.
///
/// What is run again on a retry is therefore everything that the tool does before its question,
/// except
///
/// - questions that have their answer;
/// - finished [steps](Self::step): work that must not be done twice belongs in one.
///
/// Everything else is done once for each round, so read data before a question, and change things
/// after the last one or in a step.
///
/// Questions that are awaited together, such as with `tokio::try_join!`, go to a modern client
/// together. The call ends as soon as it waits for anything, a question is open, and no step is
/// under way; other work that it waits for is dropped, and begun again on the retry.
///
/// An answer belongs to the question as it was asked. Where the same question, with the same text
/// and the same form, is asked several times, the answers are taken in that order. A question
/// whose text changes from one run to the next (a price, a time) is a new question, and is asked
/// again: what the user has agreed to must be what was shown. Keep such a value in a step.
///
/// An answer is no proof. A client can answer what it likes, answer before it is asked, and present
/// the same sealed state several times until it expires, so a step's result may be used more than
/// once: what may happen only once needs a record of its own, such as an idempotency key.
///
/// A client that has not declared that it can be asked gives an error of the kind
/// [`ClientLacksCapability`](crate::ToolErrorKind::ClientLacksCapability), which a tool may act
/// upon; returned, it becomes -32021 for a modern client and a tool error for a legacy one.
impl ToolContext {
    /// Asks the user to fill in a form.
    ///
    /// `F` is a struct with fields of texts, numbers, truth values, enums of plain variants and
    /// lists of such enums; a field is optional as an `Option`. Doc comments become descriptions;
    /// limits such as `#[schemars(range(min = 1))]` go into the form and are checked again here.
    /// Never ask for a secret in this way: the client sees the answer (see
    /// [`elicit_url`](Self::elicit_url)).
    ///
    /// ```
    /// # use mcp_core::{OrToolError as _, ToolContext, ToolErrorKind, ToolResult, tool};
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Party {
    ///     /// How many people come.
    ///     #[schemars(range(min = 1, max = 12))]
    ///     size: u8,
    /// }
    ///
    /// /// Books a table for tonight.
    /// #[tool]
    /// async fn book(cx: &ToolContext) -> ToolResult<String> {
    ///     let party = cx.elicit::<Party>("How many people are you?").await?;
    ///     let party = party.accepted().or_tool_error(
    ///         ToolErrorKind::PermissionDenied,
    ///         "the user does not want a table",
    ///     )?;
    ///     Ok(format!("a table for {}", party.size))
    /// }
    /// # let _ = book {};
    /// ```
    ///
    /// # Errors
    ///
    /// When the client cannot be asked, or fails to ask, or when no form can ask for `F`.
    pub async fn elicit<F>(&self, message: impl Into<String> + Send) -> ToolResult<Elicited<F>>
    where
        F: DeserializeOwned + JsonSchema + Send + 'static,
    {
        self.unnamed().elicit(message).await
    }

    /// Asks the user to visit a page, for what must not pass through the client: a password, a
    /// payment, the consent to a third party.
    ///
    /// Accepting says that the user agreed to open the page, not that anything was done there: look
    /// it up in your own records, under the caller's [`principal`](Self::principal), and never take
    /// it for a proof of who the caller is. The page must check that its visitor is that same
    /// person. The URL must hold neither secrets nor anything about the user.
    ///
    /// # Errors
    ///
    /// When the client cannot be asked, or fails to ask.
    pub async fn elicit_url(
        &self,
        message: impl Into<String> + Send,
        url: impl Into<String> + Send,
    ) -> ToolResult<Elicited<()>> {
        self.unnamed().elicit_url(message, url).await
    }

    /// Asks the client's model to write something.
    ///
    /// Deprecated by the protocol since 2026-07-28 in favour of asking a model's own API.
    ///
    /// # Errors
    ///
    /// When the client cannot be asked, or fails to ask.
    pub async fn sample(
        &self,
        params: CreateMessageRequestParams,
    ) -> ToolResult<CreateMessageResult> {
        self.unnamed().sample(params).await
    }

    /// Asks the client for the folders and files that it works in.
    ///
    /// Deprecated by the protocol since 2026-07-28 in favour of arguments.
    ///
    /// # Errors
    ///
    /// When the client cannot be asked, or fails to ask.
    pub async fn roots(&self) -> ToolResult<Vec<Root>> {
        self.unnamed().roots().await
    }

    /// Gives a question a name, which a modern client sees as its key in `inputRequests`.
    ///
    /// Without one a question is known by its kind and a digest of its text. A name stays the same
    /// when the text is changed in a later release.
    pub fn question<'a>(&'a self, name: &'a str) -> Question<'a> {
        Question { cx: self, name: Some(name) }
    }

    /// Does work that a retried call must not do again: its result is kept.
    ///
    /// In a call that is made again after a question, a step that was finished before answers what
    /// it answered then, and `work` is not run. Steps are told apart by their names; those of one
    /// name, by their order. An error is not kept: the step is taken again.
    ///
    /// A call does not end to ask while a step is under way. A step must not ask. Its result
    /// travels with the client, sealed, so keep it small; 256 KiB for all that a call knows is the
    /// limit. It is kept only if the call asks afterwards and its client comes back in time
    /// ([`ServerBuilder::answer_within`](crate::ServerBuilder::answer_within)): a client that
    /// starts over starts with nothing.
    ///
    /// # Errors
    ///
    /// Those of the work, and when its result cannot be written as JSON or read back.
    pub async fn step<T, W>(&self, name: &str, work: W) -> ToolResult<T>
    where
        T: Serialize + DeserializeOwned + Send,
        W: Future<Output = ToolResult<T>> + Send,
    {
        let asking = self.asking();
        if self.request().era() == Era::Legacy {
            return asking.run_step(work).await;
        }
        let key = asking.key(format!("step:{name}"));
        if let Some(result) = asking.step(&key) {
            return Ok(serde_json::from_str(result.get())?);
        }
        let result = asking.run_step(work).await?;
        asking.record_step(key, serde_json::value::to_raw_value(&result)?);
        Ok(result)
    }

    /// What the client has declared that it can do: in this request, or when its session began.
    pub fn client_capabilities(&self) -> ClientCapabilities {
        match self.request().client() {
            Some(client) => (*client.capabilities()).clone(),
            None => self.meta().client_capabilities().unwrap_or_default(),
        }
    }

    fn unnamed(&self) -> Question<'_> {
        Question { cx: self, name: None }
    }
}

impl Question<'_> {
    /// As [`ToolContext::elicit`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn elicit<F>(self, message: impl Into<String> + Send) -> ToolResult<Elicited<F>>
    where
        F: DeserializeOwned + JsonSchema + Send + 'static,
    {
        let form = FormSchema::of::<F>().map_err(|reason| {
            misuse(format!("`{}` is no form: {reason}", std::any::type_name::<F>()))
        })?;
        let ask = Ask {
            kind: "elicit",
            method: "elicitation/create",
            params: Some(json!({
                "mode": "form",
                "message": message.into(),
                "requestedSchema": form.requested,
            })),
            required: json!({ "elicitation": { "form": {} } }),
            is_supported: |client, _| {
                // Without modes it is the mode that there was before there were modes.
                client.elicitation.as_ref().is_some_and(|elicitation| {
                    elicitation.form.is_some() || elicitation.url.is_none()
                })
            },
        };
        self.ask(ask, |answer| {
            elicited(answer, |content| {
                let content = content.unwrap_or_else(|| json!({}));
                if let Some(faults) = form.faults(&content) {
                    return Err(faults);
                }
                // What the schema lets through and the type does not, such as a date that is none.
                serde_json::from_value(content).map_err(|error| error.to_string())
            })
        })
        .await
    }

    /// As [`ToolContext::elicit_url`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn elicit_url(
        self,
        message: impl Into<String> + Send,
        url: impl Into<String> + Send,
    ) -> ToolResult<Elicited<()>> {
        let ask = Ask {
            kind: "elicit-url",
            method: "elicitation/create",
            params: Some(json!({
                "mode": "url",
                "message": message.into(),
                "url": url.into(),
            })),
            required: json!({ "elicitation": { "url": {} } }),
            is_supported: |client, _| {
                client.elicitation.as_ref().is_some_and(|elicitation| elicitation.url.is_some())
            },
        };
        self.ask(ask, |answer| elicited(answer, |_| Ok(()))).await
    }

    /// As [`ToolContext::sample`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn sample(
        self,
        params: CreateMessageRequestParams,
    ) -> ToolResult<CreateMessageResult> {
        params.validate().map_err(misuse)?;
        let mut required = json!({ "sampling": {} });
        if params.tools.is_some() || params.tool_choice.is_some() {
            required["sampling"]["tools"] = json!({});
        }
        if !matches!(params.include_context, None | Some(ContextInclusion::None)) {
            required["sampling"]["context"] = json!({});
        }
        let ask = Ask {
            kind: "sample",
            method: "sampling/createMessage",
            params: Some(serde_json::to_value(params)?),
            required,
            is_supported: |client, params| {
                let has = |name| params.as_ref().is_some_and(|params| params.get(name).is_some());
                let wants_context = params
                    .as_ref()
                    .and_then(|params| params.get("includeContext"))
                    .is_some_and(|context| context != "none");
                client.sampling.as_ref().is_some_and(|sampling| {
                    (sampling.tools.is_some() || !(has("tools") || has("toolChoice")))
                        && (sampling.context.is_some() || !wants_context)
                })
            },
        };
        self.ask(ask, |answer| {
            let result: CreateMessageResult =
                serde_json::from_str(answer.get()).map_err(|error| error.to_string())?;
            result.validate()?;
            Ok(result)
        })
        .await
    }

    /// As [`ToolContext::roots`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn roots(self) -> ToolResult<Vec<Root>> {
        let ask = Ask {
            kind: "roots",
            method: "roots/list",
            params: None,
            required: json!({ "roots": {} }),
            is_supported: |client, _| client.roots.is_some(),
        };
        self.ask(ask, |answer| {
            serde_json::from_str(answer.get())
                .map(|result: ListRootsResult| result.roots)
                .map_err(|error| error.to_string())
        })
        .await
    }

    async fn ask<T>(
        self,
        ask: Ask,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> ToolResult<T> {
        let asking = self.cx.asking();
        if asking.is_inside_a_step() {
            return Err(misuse("a step must not ask: ask before it or after it"));
        }
        let era = self.cx.request().era();
        let client = self.cx.request().client();
        if era == Era::Legacy && client.is_none() {
            return Err(ToolError::new(
                ToolErrorKind::ClientLacksCapability,
                "this tool asks its client, which needs a session: connect with `initialize`",
            ));
        }
        if !(ask.is_supported)(&self.cx.client_capabilities(), &ask.params) {
            return Err(ask.unsupported(era));
        }
        match (client, self.cx.task()) {
            (Some(client), _) => ask.legacy(client, read).await,
            (None, Some(task)) => ask.task(task, asking, self.name, read).await,
            (None, None) => ask.modern(asking, self.name, read).await,
        }
    }
}

impl Ask {
    async fn modern<T>(
        self,
        asking: &Asking,
        name: Option<&str>,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> ToolResult<T> {
        let (request, digest) = self.input_request()?;
        let key = asking.key(self.name(name, &digest));
        match asking.answer(&key, &digest) {
            Answer::Fresh(answer) => match read(&answer) {
                Ok(value) => {
                    asking.record(key, digest, answer);
                    return Ok(value);
                }
                Err(faults) => {
                    let message = format!("`params.inputResponses.{key}` is no answer: {faults}");
                    return asking.refuse(RpcError::new(ErrorKind::InvalidParams, message)).await;
                }
            },
            Answer::Recorded(answer) => {
                if let Ok(value) = read(&answer) {
                    return Ok(value);
                }
            }
            Answer::None => {}
        }
        asking.ask(key, digest, request).await
    }

    /// Asks through the task that the call is (SEP-2663, Task Update Requests).
    async fn task<T>(
        self,
        task: &TaskLink,
        asking: &Asking,
        name: Option<&str>,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> ToolResult<T> {
        let (request, digest) = self.input_request()?;
        let name = self.name(name, &digest);
        let mut key = asking.key(name.clone());
        // Another process that has taken the work over runs the tool from its start: what the client
        // has answered before the call became a task is not asked again.
        if let Answer::Fresh(answer) | Answer::Recorded(answer) = asking.answer(&key, &digest)
            && let Ok(value) = read(&answer)
        {
            return Ok(value);
        }
        let mut attempt = 1;
        loop {
            let answer = task.ask(key, request.get().to_owned()).await;
            let answer = RawValue::from_string(answer)?;
            match read(&answer) {
                Ok(value) => return Ok(value),
                // An answer settles its key for ever, so a question that is asked again needs another.
                Err(_) if attempt < ATTEMPTS => key = asking.key(name.clone()),
                Err(faults) => return Err(no_answer(&faults)),
            }
            attempt += 1;
        }
    }

    /// The question as a modern client gets it, and its digest.
    fn input_request(&self) -> ToolResult<(Box<RawValue>, String)> {
        let mut request = json!({ "method": self.method });
        if let Some(params) = &self.params {
            request["params"] = params.clone();
        }
        let request = serde_json::value::to_raw_value(&request)?;
        let digest = digest(&request);
        Ok((request, digest))
    }

    /// What the question's key begins with.
    fn name(&self, name: Option<&str>, digest: &str) -> String {
        name.map_or_else(|| format!("{}-{digest}", self.kind), str::to_owned)
    }

    async fn legacy<T>(
        mut self,
        client: &SessionClient,
        read: impl Fn(&RawValue) -> Result<T, String>,
    ) -> ToolResult<T> {
        if let Some(params) = self.params.as_mut().filter(|params| params["mode"] == "url") {
            params["elicitationId"] = hex(&random::<16>()).into();
        }
        let answer = client.ask(self.method, self.params.as_ref()).await.map_err(|reason| {
            let message = match &reason {
                NoAnswer::Refused(_) => "the client failed to ask",
                NoAnswer::Late(_) => "the client did not answer in time",
                NoAnswer::Gone => "the client is gone",
                NoAnswer::Elsewhere => {
                    "this tool asks its client, which this deployment can do only for clients that \
                     speak MCP 2026-07-28"
                }
            };
            ToolError::new(ToolErrorKind::Unavailable, message).with_source(reason)
        })?;
        read(&answer).map_err(|faults| no_answer(&faults))
    }

    /// Says that the client cannot be asked this.
    fn unsupported(self, era: Era) -> ToolError {
        let message = format!(
            "this tool needs a client with the capability `{}`, which it has not declared",
            path(&self.required)
        );
        if era == Era::Legacy {
            return ToolError::new(ToolErrorKind::ClientLacksCapability, message);
        }
        let error = RpcError::new(ErrorKind::MissingClientCapability, message)
            .with_data(json!({ "requiredCapabilities": self.required }));
        ToolError::rpc(error).with_kind(ToolErrorKind::ClientLacksCapability)
    }
}

/// `{"a":{"b":{}}}` as `a.b`.
fn path(required: &Value) -> String {
    let mut path = String::new();
    let mut at = required;
    while let Some((name, inside)) = at.as_object().and_then(|object| object.iter().next()) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        at = inside;
    }
    path
}

/// What the user did, and with what.
fn elicited<F>(
    answer: &RawValue,
    read: impl FnOnce(Option<Value>) -> Result<F, String>,
) -> Result<Elicited<F>, String> {
    #[derive(Deserialize)]
    struct Result_ {
        action: Action,
        content: Option<Value>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Action {
        Accept,
        Decline,
        Cancel,
    }

    let result: Result_ = serde_json::from_str(answer.get()).map_err(|error| error.to_string())?;
    Ok(match result.action {
        Action::Accept => Elicited::Accepted(read(result.content)?),
        Action::Decline => Elicited::Declined,
        Action::Cancel => Elicited::Cancelled,
    })
}

/// The client has answered, but not what it was asked.
fn no_answer(faults: &str) -> ToolError {
    let message = format!("the client's answer is none: {faults}");
    ToolError::new(ToolErrorKind::Unavailable, message)
}

/// A mistake of the tool's author, for the operator's log.
fn misuse(message: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ToolError {
    ToolError::new(
        ToolErrorKind::Internal,
        "the tool failed unexpectedly; the server's log tells why",
    )
    .with_source(message)
}

/// Tells one request from all others. 64 bits: only a client's own questions could collide.
fn digest(request: &RawValue) -> String {
    hex(&Sha256::digest(request.get())[..8])
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
