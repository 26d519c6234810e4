//! A server with tools that do all that a mounted tool can do.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mcp_core::{
    BoxError, Call, CallResult, DynTool, ErrorKind, Message, Method, Request, Response, RpcError,
    Server, Tool, ToolContext, ToolDefinition, ToolError, ToolErrorKind, ToolPack, ToolResult,
    model,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};

/// What the tests see of the tools' insides.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) begun: Notify,
    pub(crate) dropped: Notify,
    pub(crate) calls: AtomicUsize,
}

/// Counts from 1 to n, reporting each step as progress.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
pub(crate) struct Count {
    /// How far to count.
    #[schemars(range(max = 1000))]
    pub(crate) n: u32,
}

impl Call<Arc<Seen>> for Count {
    type Output = String;

    async fn call(self, seen: &Arc<Seen>, cx: &ToolContext) -> ToolResult<String> {
        seen.calls.fetch_add(1, Ordering::Relaxed);
        for step in 1..=self.n {
            cx.progress_of(step.into(), self.n.into(), format!("step {step}")).await;
        }
        Ok(format!("counted to {}", self.n))
    }
}

/// Fails in a way that the model is told.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
pub(crate) struct Fail {}

impl Call<Arc<Seen>> for Fail {
    type Output = String;

    async fn call(self, _: &Arc<Seen>, _: &ToolContext) -> ToolResult<String> {
        Err(ToolError::new(ToolErrorKind::NotFound, "there is no such thing"))
    }
}

/// Fails in a way that the client is told.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
pub(crate) struct Refuse {}

impl Call<Arc<Seen>> for Refuse {
    type Output = String;

    async fn call(self, _: &Arc<Seen>, _: &ToolContext) -> ToolResult<String> {
        Err(ToolError::rpc(
            RpcError::new(ErrorKind::Foreign(-31999), "not today").with_data(json!({"day": 1.5})),
        ))
    }
}

/// Never ends.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
pub(crate) struct Hang {}

impl Call<Arc<Seen>> for Hang {
    type Output = String;

    async fn call(self, seen: &Arc<Seen>, _: &ToolContext) -> ToolResult<String> {
        struct Dropped<'a>(&'a Seen);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.dropped.notify_one();
            }
        }
        let _dropped = Dropped(seen);
        seen.begun.notify_one();
        std::future::pending().await
    }
}

/// Tells in which trace it is called.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
pub(crate) struct Trace {}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Traced {
    pub(crate) trace_id: String,
    pub(crate) parent_span_id: String,
    pub(crate) tracestate: Option<String>,
    pub(crate) baggage: Option<String>,
}

impl Call<Arc<Seen>> for Trace {
    type Output = Option<Traced>;

    async fn call(self, _: &Arc<Seen>, cx: &ToolContext) -> ToolResult<Option<Traced>> {
        Ok(cx.trace_context().map(|trace| Traced {
            trace_id: trace.trace_id(),
            parent_span_id: trace.parent_span_id(),
            tracestate: trace.tracestate().map(str::to_owned),
            baggage: trace.baggage().map(str::to_owned),
        }))
    }
}

/// What `exact` answers: members out of order, numbers spelled oddly, unknown kinds of content.
pub(crate) const CONTENT: &str = concat!(
    r#"[{"z":1.50,"type":"hologram","a":[1e2, 18446744073709551616]},"#,
    r#"{"type":"image","mimeType":"image/png","data":"iVBORw0KGgo="},"#,
    r#"{"type":"audio","data":"UklGRg==","mimeType":"audio/wav"},"#,
    r#"{"type":"resource_link","uri":"x://a","name":"a","size":3},"#,
    r#"{"type":"resource","resource":{"uri":"x://b","blob":"AAEC"}},"#,
    r#"{"text":"caf\u00e9 \"quoted\"","type":"text"}]"#
);
/// Beside it.
pub(crate) const STRUCTURED: &str = r#"{"z":0.10,"a":{"y":-0,"x":12345678901234567890123}}"#;

struct Exact;

impl DynTool for Exact {
    fn definition(&self) -> ToolDefinition {
        let schema = json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1, "description": "How many."},
                "region": {"type": "string", "x-mcp-header": "Region"},
            },
            "required": ["n"],
            "additionalProperties": false,
        });
        let Value::Object(schema) = schema else { unreachable!() };
        let mut tool = model::Tool::new("exact", "Answers exactly this.", schema);
        tool.title = Some("Exactly".to_owned());
        tool.icons = Some(vec![model::Icon::new("https://icons.example/exact.png")]);
        tool.annotations = Some(model::ToolAnnotations::new().read_only(true).open_world(false));
        let Value::Object(output) = json!({"type": "object"}) else { unreachable!() };
        tool.output_schema = Some(output.into());
        tool.into()
    }

    async fn call(&self, mut args: Map<String, Value>, _: &ToolContext) -> ToolResult<CallResult> {
        // Two: one whose content all clients know.
        let known = args.remove("n") == Some(2.into());
        let content = if known { r#"[{"type":"text","text":"x"}]"# } else { CONTENT };
        Ok(CallResult::from_json(&format!(
            r#"{{"content":{content},"structuredContent":{STRUCTURED},"_meta":{{"example/kept":1.0}}}}"#
        ))?)
    }
}

/// The tools' names, where they are mounted as `heavy`.
pub(crate) const NAMES: [&str; 6] =
    ["heavy_count", "heavy_fail", "heavy_refuse", "heavy_hang", "heavy_trace", "heavy_exact"];

/// The server that is mounted.
pub(crate) fn heavy(seen: &Arc<Seen>) -> Server {
    let pack = ToolPack::with_shared("heavy", Arc::new(Arc::clone(seen)))
        .tool::<Count>()
        .tool::<Fail>()
        .tool::<Refuse>()
        .tool::<Hang>()
        .tool::<Trace>()
        .dyn_tool(Exact);
    Server::builder("heavy", "1.0").pack(pack).build()
}

/// The same, but one that only knows the handshake of the revisions before 2026-07-28.
pub(crate) fn legacy_heavy(seen: &Arc<Seen>) -> Server {
    type Inner = BoxCloneSyncService<Request, Response, BoxError>;
    let forget = tower::layer::layer_fn(|inner: Inner| {
        service_fn(move |request: Request| {
            let inner = inner.clone();
            async move {
                if *request.method() == Method::Discover {
                    let error = RpcError::new(ErrorKind::MethodNotFound, "what is that?");
                    return Ok::<_, BoxError>(Response::error(error));
                }
                inner.oneshot(request).await
            }
        })
    });
    let pack = ToolPack::with_shared("heavy", Arc::new(Arc::clone(seen)))
        .tool::<Count>()
        .tool::<Fail>()
        .tool::<Refuse>()
        .tool::<Hang>()
        .tool::<Trace>()
        .dyn_tool(Exact);
    Server::builder("heavy", "1.0").pack(pack).layer(forget).build()
}

/// One modern call, answered as bytes.
pub(crate) async fn raw(server: &Server, tool: &str, arguments: &Value, meta: &Value) -> String {
    let mut all = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    all.as_object_mut().unwrap().extend(meta.as_object().unwrap().clone());
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": all}});
    let Ok(Message::Request(request)) = Message::parse(message.to_string()) else { panic!() };
    let response = server.call(request).response().await;
    String::from_utf8(response.into_bytes().to_vec()).unwrap()
}
