//! A server that asks who is calling, a client, and an issuer that signs tokens.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a test has no public interface")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "jwt")]
pub mod issuer;

use std::sync::Arc;

use mcp_core::{
    Contents, Principal, ReadResource, Resource, ResourceTemplate, Server, TokenVerifier,
    ToolContext, ToolPack, ToolResult, Transport as _, prompt, tool,
};
use mcp_transport_sse::{Authentication, HttpConfig, HttpTransport};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Names the caller.
#[tool]
async fn whoami(cx: &ToolContext) -> String {
    cx.principal().map_or("nobody", Principal::subject).to_owned()
}

/// Reads sales.
#[tool(scopes = ["sales:read"])]
async fn read_sales() -> String {
    "sales".to_owned()
}

/// Writes sales.
#[tool(scopes = ["sales:read", "sales:write"])]
async fn write_sales() -> String {
    "written".to_owned()
}

/// Sums sales up.
#[prompt]
async fn sum_up() -> String {
    "Sum up.".to_owned()
}

/// Plans sales.
#[prompt(scopes = ["sales:read", "sales:write"])]
async fn plan(
    /// Of when.
    #[prompt(values = ["May", "June"])]
    month: String,
) -> String {
    format!("Plan {month}.")
}

/// The sales of a month.
#[derive(ResourceTemplate)]
#[resource(uri = "sales://{month}", scopes = ["sales:read"])]
struct Month {
    #[resource(values = ["may", "june"])]
    month: String,
}

impl ReadResource<()> for Month {
    async fn read(self, _: &(), _cx: &ToolContext) -> ToolResult<Contents> {
        Ok(Contents::text(self.month))
    }
}

/// A server that listens on a free port until the test is over.
pub struct Listening {
    pub url: String,
    pub client: reqwest::Client,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves what only those may call whom the verifier knows.
pub async fn serve(verifier: impl TokenVerifier) -> Listening {
    serve_with(Authentication::new(Arc::new(verifier))).await
}

pub async fn serve_with(authentication: Authentication) -> Listening {
    let server = Server::builder("guarded", "1.0")
        .tool::<whoami>()
        .tool::<read_sales>()
        .tool::<write_sales>()
        .prompt::<sum_up>()
        .prompt::<plan>()
        .template::<Month>()
        .pack(
            ToolPack::new("papers", ())
                .resource(Resource::text("paper://terms", "terms", "Pay."))
                .resource(
                    Resource::text("paper://margins", "margins", "40 %").scopes(&["sales:write"]),
                )
                .resource_fn(
                    Resource::new("paper://today", "today").scopes(&["sales:read"]),
                    |_, _| async { Ok("today") },
                ),
        )
        .build();
    let transport = HttpTransport::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", transport.local_addr().unwrap());
    let transport = transport.config(HttpConfig::new().authentication(authentication));
    let task = tokio::spawn(transport.serve(server, CancellationToken::new()));
    Listening { url, client: reqwest::Client::new(), task }
}

/// An answer, and what a client is told to bring.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub challenge: Option<String>,
    pub session: Option<String>,
    pub retry_after: Option<String>,
    pub message: Value,
}

impl Answer {
    pub fn text(&self) -> &str {
        self.message["result"]["content"][0]["text"].as_str().unwrap_or_default()
    }

    /// What the answer says of the token.
    pub fn reason(&self) -> &str {
        self.message["error"]["message"].as_str().unwrap_or_default()
    }

    pub fn tools(&self) -> Vec<&str> {
        let tools = self.message["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
    }
}

impl Listening {
    /// Sends a request to `/mcp`.
    pub async fn post(&self, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut request = self.client.post(format!("{}/mcp", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        let response = request.body(body.to_string()).send().await.unwrap();
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let (status, challenge) = (response.status().as_u16(), header("www-authenticate"));
        let (session, retry_after) = (header("mcp-session-id"), header("retry-after"));
        let text = response.text().await.unwrap();
        let mut data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let json = data.rfind(|data| data.starts_with('{')).unwrap_or(&text);
        let message = serde_json::from_str(json).unwrap_or(Value::Null);
        Answer { status, challenge, session, retry_after, message }
    }

    pub async fn call(&self, headers: &[(&str, &str)], tool: &str) -> Answer {
        self.post(headers, request("tools/call", json!({"name": tool, "arguments": {}}))).await
    }

    pub async fn whoami(&self, headers: &[(&str, &str)]) -> Answer {
        self.call(headers, "whoami").await
    }

    pub async fn bearer(&self, token: &str) -> Answer {
        self.whoami(&[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Opens a legacy session; its identifier.
    pub async fn open(&self, key: (&str, &str)) -> String {
        let params = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        });
        let session = self.post(&[key], request("initialize", params)).await.session.unwrap();
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(self.post(&[key, ("mcp-session-id", &session)], initialized).await.status, 202);
        session
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }
}

pub fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// The same as a modern request, and its headers.
pub fn modern(method: &str, mut params: Value) -> (Vec<(String, String)>, Value) {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut headers = vec![
        ("mcp-protocol-version".to_owned(), "2026-07-28".to_owned()),
        ("mcp-method".to_owned(), method.to_owned()),
    ];
    if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
        headers.push(("mcp-name".to_owned(), name.to_owned()));
    }
    (headers, request(method, params))
}
