//! The vocabulary and the dispatch of a Model Context Protocol server.
//!
//! Depend on this crate to write a *tool pack* (a library of tools) or a *transport*.
//! To write a server, depend on the facade `mcp-serve`, which re-exports what is here.
//!
//! A tool is a plain type: what the model sees is derived ([`Tool`]), what happens is
//! written ([`Call`]). So are prompts ([`Prompt`], [`GetPrompt`]) and templates of resources
//! ([`ResourceTemplate`], [`ReadResource`]); a single resource is a [`Resource`]. Those that share
//! a state form a [`ToolPack`]; packs form a [`Server`], which is immutable and cheap to clone. A transport parses bytes into a
//! [`Message`], hands a [`Request`] to [`Server::call`] and writes what the [`Reply`]
//! yields. Nothing in this crate opens a socket or knows which transport is calling, and
//! nothing is spawned but the work of [tasks].
//!
//! ```
//! use mcp_core::{Message, Server, tool};
//!
//! /// Adds two integers.
//! #[tool]
//! async fn add(
//!     /// The first addend.
//!     a: i64,
//!     /// The second addend.
//!     b: i64,
//! ) -> i64 {
//!     a + b
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let server = Server::builder("hello", "1.0").tool::<add>().build();
//! let message = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}"#;
//! let Ok(Message::Request(request)) = Message::parse(&message[..]) else { panic!() };
//! let response = server.call(request).response().await;
//! assert!(std::str::from_utf8(&response.into_bytes()).unwrap().contains(r#""text":"3""#));
//! # });
//! ```

mod app;
mod asking;
mod authentication;
mod completion;
mod connection_store;
pub mod content;
mod dynamic;
mod hook;
mod json_text;
mod limits;
mod principal;
mod prompt;
mod protocol;
mod ready;
mod resource;
mod schema;
mod server;
mod session;
mod session_store;
mod subject;
mod subscription;
mod target;
mod task;
mod text;
mod tool;
mod transport;

pub use mcp_macros::{Prompt, ResourceTemplate, Tool, prompt, tool};

pub use crate::{
    asking::{Elicited, InputRequired, Question, StateKeyError, StateKeys},
    authentication::{
        AnyVerifier, Credentials, Denied, DeniedKind, SecretSource, TokenVerifier, Verification,
    },
    completion::{Completing, Completion},
    dynamic::{DynamicPrompts, DynamicResources, DynamicTools},
    hook::HookError,
    limits::{Deadline, ResponseLimit, Tenant},
    principal::Principal,
    prompt::{GetPrompt, Prompt, PromptContent, PromptDefinition, PromptMessages},
    protocol::{
        Arguments, ClientResponse, Era, ErrorKind, LATEST_VERSION, LogLevel, Malformed, Message,
        Method, Notification, NotificationMessage, ProgressToken, Request, RequestId, RequestMeta,
        RpcError, SUPPORTED_VERSIONS, TraceContext,
    },
    ready::ReadyCheck,
    resource::{Contents, ReadResource, Resource, ResourceTemplate, ResourceTemplateDefinition},
    server::{
        BoxError, BuildError, CacheScope, Encoded, Reply, ReplyPart, Response, ResponseFuture,
        ResultBody, Server, ServerBuilder,
    },
    session::{LegacySession, SessionSettings},
    subscription::{Listening, Notifier, SubscriptionLimit, SubscriptionNotification},
    target::{Target, TargetError},
    text::TextArguments,
    tool::{
        Call, CallResult, DynTool, HeaderParam, OrToolError, Output, Tool, ToolContext,
        ToolDefinition, ToolError, ToolErrorKind, ToolPack, ToolResult, WithText,
    },
    transport::Transport,
};

/// Content, icons and other types of the protocol's data model, as `rmcp` defines them.
pub use rmcp::model;

/// Calls that are answered with a handle and worked on in the background: the extension
/// `io.modelcontextprotocol/tasks`.
///
/// A tool is declared with `#[tool(task)]`; nothing else changes for its author. What it reports
/// with [`ToolContext::progress`] is the task's status message, and what it asks the user becomes
/// the task's input requests. Clients that do not know tasks are answered in the ordinary way.
///
/// The rest is for those who run a server: where tasks are kept ([`TaskStore`](tasks::TaskStore))
/// and where their work is done ([`TaskRunner`](tasks::TaskRunner)).
///
/// ```
/// use std::time::Duration;
/// use mcp_core::{Server, ToolContext, tasks::TaskOptions, tool};
///
/// /// Counts the files of the archive, which takes minutes.
/// #[tool(task, read_only, timeout = "30m")]
/// async fn count_files(cx: &ToolContext) -> u64 {
///     cx.progress_of(1, 2, "reading the index").await;
///     42
/// }
///
/// let server = Server::builder("archive", "1.0")
///     .tool::<count_files>()
///     .tasks(TaskOptions::new().ttl(Duration::from_secs(600)))
///     .build();
/// ```
pub mod tasks {
    pub use crate::task::{
        InMemoryTaskStore, InProcess, TaskHandover, TaskInput, TaskOptions, TaskRecord, TaskRunner,
        TaskStatus, TaskStore, TaskStoreError, TaskSupport, TaskWork,
    };
}

/// Legacy sessions that several replicas share.
pub mod sessions {
    pub use crate::session_store::{SessionEvent, SessionRecord, SessionStore, SessionStoreError};
}

/// Connections that a gateway holds while processes come and go.
pub mod connections {
    pub use crate::connection_store::{
        ConnectionAddress, ConnectionChange, ConnectionGateway, ConnectionRecord, ConnectionStore,
        ConnectionStoreError, LeftMessage, PostError,
    };
}

/// HTML documents that show what tools answer: the extension `io.modelcontextprotocol/ui` (MCP
/// Apps).
///
/// A tool names its app with `#[tool(ui = "ui://…")]`, and the app is a resource beside it. Hosts
/// that show apps load the document into a sandbox and hand it the call's arguments and result;
/// all others show what the tool answers. A tool that is there for its app alone, such as one that
/// loads more, is `#[tool(ui = "ui://…", app_only)]`: no model sees it. Clients that do not show
/// apps are not told of either.
///
/// ```
/// use mcp_core::{Server, apps::App, tool};
///
/// /// The temperature of each hour of a day, in °C.
/// #[tool(read_only, ui = "ui://weather/day")]
/// async fn temperatures(
///     /// The day, such as 2026-07-28.
///     day: String,
/// ) -> Vec<f64> {
///     vec![17.5; 24]
/// }
///
/// let html = "<!doctype html><title>A day</title><svg id='chart'></svg>";
/// let app = App::new("ui://weather/day", "day", html)
///     .title("A day's temperatures")
///     .loads_from("https://cdn.jsdelivr.net")
///     .prefers_border(true);
/// let server =
///     Server::builder("weather", "1.0").tool::<temperatures>().app(app).build();
/// # drop(server);
/// ```
pub mod apps {
    pub use crate::app::App;
}

/// Ready-made layers for [`ServerBuilder::layer`] and [`ToolPack::layer`].
///
/// Any `tower::Layer` whose service takes a [`Request`] and answers a [`Response`] works;
/// these are the ones that most servers want.
pub mod layers {
    pub use tower::{
        limit::{ConcurrencyLimitLayer, RateLimitLayer},
        load_shed::LoadShedLayer,
        timeout::TimeoutLayer,
    };
}

/// What the macros expand to. Not a public API.
#[doc(hidden)]
pub mod __private {
    pub use {schemars, serde};
}
