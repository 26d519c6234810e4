use std::{fmt, sync::Arc, time::Duration, vec};

use mcp_core::{
    CallResult, DynTool, ToolContext, ToolDefinition, ToolError, ToolErrorKind, ToolResult,
    model::Tool,
};
use serde_json::{Map, Value};
use tokio::process::Command;

use crate::{
    Connect,
    call::{DOWN, call},
    link::Link,
};

/// Another server, whose tools can be mounted with
/// [`ServerBuilder::mount`](mcp_core::ServerBuilder::mount).
///
/// All its tools share one connection: over HTTP and to Lambda a pool of them, over stdio one
/// process. It ends when the last of the tools is dropped, and a program with it.
pub struct Remote {
    link: Arc<Link>,
    tools: Vec<Tool>,
    timeout: Option<Duration>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("at", &format_args!("{}", self.link.endpoint))
            .field("tools", &self.tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// A server that listens for Streamable HTTP.
    ///
    /// ```no_run
    /// # use mcp_remote::Remote;
    /// # async fn connect() -> Result<(), mcp_remote::ConnectError> {
    /// let remote = Remote::http("https://heavy.example/mcp").bearer("secret").connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(url: impl Into<Arc<str>>) -> Connect {
        Connect::http(url.into())
    }

    /// A program that speaks stdio, started now and whenever it has ended and a call needs it.
    ///
    /// What it writes to standard error goes to this process's, unless the command says otherwise.
    ///
    /// ```no_run
    /// # use mcp_remote::Remote;
    /// # async fn connect() -> Result<(), mcp_remote::ConnectError> {
    /// let mut command = std::process::Command::new("heavy-server");
    /// command.arg("stdio");
    /// let remote = Remote::command(command).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn command(command: impl Into<Command>) -> Connect {
        Connect::command(command.into())
    }

    /// A function of AWS Lambda that takes MCP messages as its events, as every server of
    /// `mcp-serve` does there: its name, ARN or partial ARN, with an alias or a version behind it
    /// if need be.
    ///
    /// Each call is one synchronous invocation, which needs the permission
    /// `lambda:InvokeFunction`. Region and credentials are those of the environment, unless
    /// [`client`](Connect::client) says otherwise. Request and answer have 6 MB each. Progress and
    /// log messages do not arrive, as Lambda carries only the answer, and a call that is cancelled
    /// goes on over there: Lambda has no way to stop it.
    ///
    /// ```no_run
    /// # use mcp_remote::Remote;
    /// # async fn connect() -> Result<(), mcp_remote::ConnectError> {
    /// let remote = Remote::lambda("heavy-server:live").connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "lambda")]
    pub fn lambda(function: impl Into<Arc<str>>) -> Connect {
        Connect::lambda(function.into())
    }

    pub(crate) fn new(link: Link, timeout: Option<Duration>) -> Self {
        let tools = link.live().map(|connection| connection.tools.clone()).unwrap_or_default();
        Self { link: Arc::new(link), tools, timeout }
    }

    /// The tools as the other server lists them.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// Keeps only some of the tools.
    #[must_use]
    pub fn retain(mut self, keep: impl FnMut(&Tool) -> bool) -> Self {
        self.tools.retain(keep);
        self
    }
}

impl IntoIterator for Remote {
    type Item = RemoteTool;
    type IntoIter = vec::IntoIter<RemoteTool>;

    fn into_iter(self) -> Self::IntoIter {
        let Self { link, tools, timeout } = self;
        let tools: Vec<RemoteTool> = tools
            .into_iter()
            .filter_map(without_app)
            .map(|model| RemoteTool { link: Arc::clone(&link), model, timeout })
            .collect();
        tools.into_iter()
    }
}

/// A tool without its app, whose document stays behind on its server; nothing of a tool that is
/// there for its app alone.
fn without_app(mut tool: Tool) -> Option<Tool> {
    let Some(ui) = tool.meta.as_mut().and_then(|meta| meta.0.remove("ui")) else {
        return Some(tool);
    };
    let visibility = ui["visibility"].as_array();
    let is_for_models = visibility.is_none_or(|all| all.iter().any(|who| who == "model"));
    is_for_models.then_some(tool)
}

/// A tool of another server.
pub struct RemoteTool {
    link: Arc<Link>,
    model: Tool,
    timeout: Option<Duration>,
}

impl fmt::Debug for RemoteTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTool").field("name", &self.model.name).finish_non_exhaustive()
    }
}

impl DynTool for RemoteTool {
    fn definition(&self) -> ToolDefinition {
        let definition = ToolDefinition::from(self.model.clone());
        match self.timeout {
            Some(timeout) => definition.timeout(timeout),
            None => definition,
        }
    }

    async fn call(
        &self,
        arguments: Map<String, Value>,
        cx: &ToolContext,
    ) -> ToolResult<CallResult> {
        let connection = self.link.connection().await.map_err(|error| {
            ToolError::new(
                ToolErrorKind::Unavailable,
                format!("`{}` is not available at the moment: {DOWN}", self.model.name),
            )
            .with_source(error)
        })?;
        let called = call(&connection, &self.model.name, arguments, cx).await;
        called.map_err(|failure| {
            if failure.is_break() {
                self.link.retire(&connection);
            }
            failure.into_tool_error(&self.model.name)
        })
    }
}
