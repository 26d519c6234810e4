use std::collections::HashMap;

use jsonschema::Validator;
use mcp_core::{
    Era, Server, Tool,
    model::{self, CallToolRequestParams, CallToolResult, Implementation, ServerCapabilities},
};
use rmcp::{
    ErrorData, RoleClient, ServiceError,
    model::{CallToolRequest, ClientRequest, ServerResult},
    service::{PeerRequestOptions, RunningService},
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Answer, Asked, Outcome,
    answers::Answers,
    connect::{Connect, Place},
    recorder::Recorder,
};

/// How often a call is made again with answers.
const MOST_ROUNDS: usize = 10;

/// A client connected to a server, for tests.
///
/// Every structured answer is checked against the tool's output schema; an answer that does not
/// fit it, or that is missing, fails the test. A server that the harness started stops when the
/// harness is dropped.
#[derive(Debug)]
pub struct Harness {
    pub(crate) client: RunningService<RoleClient, Recorder>,
    era: Era,
    outputs: OnceCell<HashMap<String, Validator>>,
    _server: DropGuard,
}

/// A JSON-RPC error: the server did not serve the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The JSON-RPC code.
    pub code: i32,
    /// The text for the caller.
    pub message: String,
}

impl From<ErrorData> for Failure {
    fn from(error: ErrorData) -> Self {
        Self { code: error.code.0, message: error.message.into_owned() }
    }
}

impl Harness {
    /// Connects to a server in memory: the dispatch without any transport.
    pub fn in_memory(server: Server) -> Connect {
        Connect::new(Place::Memory(server))
    }

    /// Starts a program and speaks to it over stdio.
    pub fn stdio(command: impl Into<tokio::process::Command>) -> Connect {
        Connect::new(Place::Command(command.into()))
    }

    /// Connects to a server that listens for HTTP.
    pub fn http(url: impl Into<String>) -> Connect {
        Connect::new(Place::Url(url.into()))
    }

    /// Connects to a server that listens for WebSockets, at a URL such as `ws://127.0.0.1:8000/ws`.
    pub fn web_socket(url: impl Into<String>) -> Connect {
        Connect::new(Place::WebSocketUrl(url.into()))
    }

    /// Connects to a server that speaks HTTP+SSE, at a URL such as `http://127.0.0.1:8000/sse`. Only
    /// for the legacy era.
    pub fn http_sse(url: impl Into<String>) -> Connect {
        Connect::new(Place::SseUrl(url.into())).legacy()
    }

    /// Serves over real pipes within this process, and connects.
    pub fn over_pipes(server: Server) -> Connect {
        Connect::new(Place::Pipes(server))
    }

    /// Serves on a free port of loopback, and connects.
    pub fn over_http(server: Server) -> Connect {
        Connect::new(Place::Listener(server))
    }

    /// Serves WebSockets on a free port of loopback, and connects.
    pub fn over_web_socket(server: Server) -> Connect {
        Connect::new(Place::WebSocket(server))
    }

    /// Serves HTTP+SSE on a free port of loopback, and connects. Only for the legacy era.
    pub fn over_http_sse(server: Server) -> Connect {
        Connect::new(Place::Sse(server)).legacy()
    }

    /// Connects to a function of AWS Lambda through one of its doors. What a deployment sets up in
    /// the function's environment for this door is set, unless the test has done so. Behind a
    /// WebSocket API that is a table in moto, too, with the feature `web-socket-api`.
    #[cfg(feature = "lambda")]
    pub fn behind(door: crate::lambda::Door, function: crate::lambda::Emulator) -> Connect {
        Connect::new(Place::Lambda(door, Box::new(function)))
    }

    pub(crate) fn new(
        client: RunningService<RoleClient, Recorder>,
        era: Era,
        shutdown: CancellationToken,
    ) -> Self {
        Self { client, era, outputs: OnceCell::new(), _server: shutdown.drop_guard() }
    }

    /// Answers what the server asks of its client from now on: in a legacy session as it asks, and
    /// in the modern era by making the call again with the answers, up to ten times. Without it,
    /// every question fails.
    ///
    /// ```
    /// # use {mcp_core::*, mcp_testing::{Answer, Asked, Harness}, serde_json::json};
    /// # #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// # struct Name { name: String }
    /// /// Greets the user.
    /// #[tool]
    /// async fn greet(cx: &ToolContext) -> ToolResult<String> {
    ///     let name = cx.elicit::<Name>("What is your name?").await?.accepted();
    ///     Ok(name.map_or_else(|| "Well then.".to_owned(), |form| format!("Hello, {}!", form.name)))
    /// }
    ///
    /// # mcp_testing::__private::block_on(async {
    /// # let server = Server::builder("greeter", "1.0").tool::<greet>().build();
    /// let mcp = Harness::in_memory(server).await.answering(|asked| match asked {
    ///     Asked::Form { .. } => Answer::Accept(json!({ "name": "Ada" })),
    ///     other => panic!("not asked for: {other:?}"),
    /// });
    /// assert_eq!(mcp.call(greet {}).await.text(), "Hello, Ada!");
    /// # });
    /// ```
    #[must_use]
    pub fn answering(self, answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> Self {
        self.set_answering(answer);
        self
    }

    /// As [`Self::answering`], in the middle of a test.
    pub fn set_answering(&self, answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) {
        self.client.service().set_answers(Answers::new(answer));
    }

    /// The era that the client speaks.
    pub fn era(&self) -> Era {
        self.era
    }

    /// The server's name and version as the client was told.
    ///
    /// # Panics
    ///
    /// When the server did not tell.
    pub fn server_info(&self) -> Implementation {
        self.client
            .peer_info()
            .and_then(|info| info.server_info.clone())
            .expect("the server told its name and version")
    }

    /// What the server says that it can do.
    ///
    /// # Panics
    ///
    /// When the server did not say.
    pub fn server_capabilities(&self) -> ServerCapabilities {
        self.client.peer_info().expect("the server said what it can do").capabilities.clone()
    }

    /// Calls a tool.
    ///
    /// # Panics
    ///
    /// When the server does not serve the call (a tool's own failure is an [`Outcome`]), or when
    /// the answer does not fit the output schema.
    pub async fn call<T: Tool + Serialize>(&self, tool: T) -> Outcome {
        let arguments = serde_json::to_value(&tool).expect("arguments can be written as JSON");
        match self.try_call(T::NAME, arguments).await {
            Ok(outcome) => outcome,
            Err(failure) => panic!("`{}` was not served: {failure:?}", T::NAME),
        }
    }

    /// Calls a tool by its name, with any arguments.
    ///
    /// # Errors
    ///
    /// When the server does not serve the call.
    ///
    /// # Panics
    ///
    /// When the arguments are no object, when the connection breaks, or when the answer does not
    /// fit the output schema.
    pub async fn try_call(&self, tool: &str, arguments: Value) -> Result<Outcome, Failure> {
        let mut params = CallToolRequestParams::new(tool.to_owned());
        params.arguments = match arguments {
            Value::Object(arguments) => Some(arguments),
            Value::Null => None,
            other => panic!("the arguments of a tool are an object, not {other}"),
        };
        let mut progress = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let request = CallToolRequest::new(params.clone());
            let handle = self
                .client
                .send_request_with_option(
                    ClientRequest::CallToolRequest(request),
                    PeerRequestOptions::no_options(),
                )
                .await
                .expect("the connection stands");
            let token = handle.progress_token.clone();
            let response = handle.await_response().await;
            progress.extend(self.client.service().take(&token));
            let result = match response {
                Ok(ServerResult::CallToolResult(result)) => result,
                Ok(ServerResult::InputRequiredResult(asked)) => {
                    let answers = self.client.service().answers();
                    let responses = answers.all(asked.input_requests.unwrap_or_default())?;
                    params.input_responses = Some(responses);
                    params.request_state = asked.request_state;
                    continue;
                }
                Ok(other) => panic!("tools/call was answered with {other:?}"),
                Err(ServiceError::McpError(error)) => return Err(error.into()),
                Err(error) => panic!("the connection broke: {error}"),
            };
            self.check_output(tool, &result).await;
            return Ok(Outcome {
                tool: tool.to_owned(),
                result,
                progress,
                legacy: self.era == Era::Legacy,
            });
        }
        panic!("`{tool}` still asks after {MOST_ROUNDS} rounds of answers")
    }

    /// All tools, from all pages.
    ///
    /// # Panics
    ///
    /// When the server does not list them.
    pub async fn list_tools(&self) -> Vec<model::Tool> {
        self.client.list_all_tools().await.expect("the server lists its tools")
    }

    /// Fails the test if an answer does not keep what the tool's output schema promises.
    async fn check_output(&self, tool: &str, result: &CallToolResult) {
        if result.is_error == Some(true) {
            return;
        }
        let outputs = self
            .outputs
            .get_or_init(|| async {
                let tools = self.list_tools().await;
                tools
                    .into_iter()
                    .filter_map(|tool| {
                        let schema = Value::Object((*tool.output_schema?).clone());
                        let validator =
                            jsonschema::draft202012::new(&schema).unwrap_or_else(|error| {
                                panic!("the output schema of `{}` is invalid: {error}", tool.name)
                            });
                        Some((tool.name.into_owned(), validator))
                    })
                    .collect()
            })
            .await;
        let Some(schema) = outputs.get(tool) else { return };
        let Some(structured) = &result.structured_content else {
            panic!("`{tool}` has an output schema but answered no structured content");
        };
        let faults: Vec<String> = schema
            .iter_errors(structured)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            faults.is_empty(),
            "the answer of `{tool}` does not fit its output schema:\n{}\n{structured:#}",
            faults.join("\n")
        );
    }
}

/// The places that `#[mcp_testing::test]` knows.
#[doc(hidden)]
impl Harness {
    pub async fn in_memory_modern(server: Server) -> Self {
        Self::in_memory(server).await
    }

    pub async fn in_memory_legacy(server: Server) -> Self {
        Self::in_memory(server).legacy().await
    }

    pub async fn stdio_modern(server: Server) -> Self {
        Self::over_pipes(server).await
    }

    pub async fn stdio_legacy(server: Server) -> Self {
        Self::over_pipes(server).legacy().await
    }

    pub async fn http_modern(server: Server) -> Self {
        Self::over_http(server).await
    }

    pub async fn http_legacy(server: Server) -> Self {
        Self::over_http(server).legacy().await
    }

    pub async fn web_socket_modern(server: Server) -> Self {
        Self::over_web_socket(server).await
    }

    pub async fn web_socket_legacy(server: Server) -> Self {
        Self::over_web_socket(server).legacy().await
    }

    pub async fn http_sse_legacy(server: Server) -> Self {
        Self::over_http_sse(server).await
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::{ToolContext, ToolResult, tool};
    use serde_json::json;

    use super::*;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Name {
        name: String,
    }

    /// Asks twice.
    #[tool]
    async fn ask_twice(cx: &ToolContext) -> ToolResult<String> {
        let first = cx.elicit::<Name>("First?").await?.accepted().map(|form| form.name);
        let second = cx.elicit::<Name>("Second?").await?.accepted().map(|form| form.name);
        Ok(format!("{first:?} {second:?}"))
    }

    #[test]
    fn rmcps_client_goes_the_rounds_by_itself() {
        crate::__private::block_on(async {
            let server = Server::builder("asking", "1").tool::<ask_twice>().build();
            for connect in [Harness::over_http(server.clone()), Harness::over_pipes(server)] {
                let mcp = connect.await.answering(|asked| match asked {
                    Asked::Form { message, .. } => Answer::Accept(json!({ "name": message })),
                    other => panic!("not to be asked: {other:?}"),
                });
                let params = CallToolRequestParams::new("ask_twice");
                let result = mcp.client.call_tool(params).await.expect("the call is served");
                let text = &result.content[0].as_text().expect("it is a text").text;
                assert_eq!(text, r#"Some("First?") Some("Second?")"#);
            }
        });
    }
}
