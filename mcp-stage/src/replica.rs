//! Replicas that share a store of sessions.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use mcp_core::{Principal, sessions::SessionStore};
use mcp_http::{Body, HttpConfig, HttpService};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::Stage;

const HANG: Duration = Duration::from_secs(60);

/// What a future comes to, which it does before long.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(HANG, future).await.expect("nothing happens")
}

/// One of several servers behind a load balancer.
#[derive(Clone, Debug)]
pub struct Replica {
    service: HttpService,
    caller: Option<Principal>,
}

/// A response whose body has been read.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The last message of the answer.
    #[track_caller]
    pub fn message(&self) -> Value {
        let data = self.text.lines().rev().filter_map(|line| line.strip_prefix("data: "));
        let mut data = data.filter(|data| !data.is_empty());
        serde_json::from_str(data.next().unwrap_or(&self.text)).unwrap()
    }
}

impl Replica {
    /// One that keeps its sessions in this store.
    pub fn new(stage: &Arc<Stage>, store: Arc<dyn SessionStore>, config: HttpConfig) -> Self {
        let config = config.session_store(store);
        Self { service: HttpService::new(crate::server(stage), config), caller: None }
    }

    /// The same replica, for another caller.
    pub fn for_caller(&self, subject: &str) -> Self {
        Self { caller: Some(Principal::new(subject, [""; 0])), ..self.clone() }
    }

    /// Sends a request, and waits for the head of its response.
    pub async fn send(
        &self,
        method: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri("/mcp").header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
        if let Some(caller) = &self.caller {
            request.extensions_mut().insert(caller.clone());
        }
        within(self.service.clone().oneshot(request)).await.unwrap()
    }

    /// Sends a message, and waits for its answer.
    pub async fn ask(
        &self,
        method: &str,
        session: Option<&str>,
        message: Option<&Value>,
    ) -> Answer {
        let session = session.map(|session| ("mcp-session-id", session));
        let headers: Vec<_> = session.into_iter().collect();
        let body = message.map_or_else(String::new, Value::to_string);
        let (parts, body) = self.send(method, &headers, body).await.into_parts();
        let text = within(body.collect()).await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// Posts a message of a session.
    pub async fn post(&self, session: &str, message: &Value) -> Answer {
        self.ask("POST", Some(session), Some(message)).await
    }

    /// Opens a session.
    pub async fn open(&self) -> String {
        let answer = self.ask("POST", None, Some(&crate::initialize(0, "2025-11-25"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let session = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
        let answer = self.post(&session, &crate::initialized()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        session
    }
}
