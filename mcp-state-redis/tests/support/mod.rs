//! A real Redis for each test, and replicas that share it.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]
#![allow(unreachable_pub, reason = "a test has no public interface")]

use std::{process::Stdio, sync::Arc, time::Duration};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use mcp_core::{Principal, sessions::SessionStore as _};
use mcp_http::{Body, HttpConfig, HttpService};
use mcp_stage::Stage;
use mcp_state_redis::RedisSessionStore;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tower::ServiceExt as _;

const HANG: Duration = Duration::from_secs(60);

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(HANG, future).await.expect("nothing happens")
}

/// A server of its own, on a socket in a folder of its own, that ends with the test.
pub struct Redis {
    folder: TempDir,
    server: Child,
}

impl Redis {
    /// `None` where there is no Redis, unless nothing may be left out (`CI=true`).
    pub async fn start() -> Option<Self> {
        let found = std::process::Command::new("redis-server").arg("--version").output();
        if found.is_err() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "there is no redis-server: install Debian's package of that name"
            );
            eprintln!("SKIPPED: there is no redis-server; `cargo xtask test` installs it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let server = Self::spawn(&folder);
        let redis = Self { folder, server };
        redis.ready().await;
        Some(redis)
    }

    fn spawn(folder: &TempDir) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(folder.path().join("redis.sock"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn ready(&self) {
        let store = self.store();
        within(async {
            while store.load("nothing").await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub fn store(&self) -> RedisSessionStore {
        let socket = self.folder.path().join("redis.sock");
        RedisSessionStore::new(&format!("unix://{}", socket.display())).unwrap()
    }

    /// Ends the server; what it knew is lost.
    pub async fn stop(&mut self) {
        self.server.kill().await.unwrap();
        let _ = std::fs::remove_file(self.folder.path().join("redis.sock"));
    }

    pub async fn restart(&mut self) {
        self.server = Self::spawn(&self.folder);
        self.ready().await;
    }

    /// A replica with a connection of its own.
    pub fn replica(&self, stage: &Arc<Stage>) -> Replica {
        self.replica_with(stage, HttpConfig::new())
    }

    pub fn replica_with(&self, stage: &Arc<Stage>, config: HttpConfig) -> Replica {
        let config = config.session_store(Arc::new(self.store()));
        Replica { service: HttpService::new(mcp_stage::server(stage), config), caller: None }
    }
}

/// One of several servers behind a load balancer.
#[derive(Clone)]
pub struct Replica {
    service: HttpService,
    caller: Option<Principal>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
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
    /// The same replica, for another caller.
    pub fn for_caller(&self, subject: &str) -> Self {
        Self { caller: Some(Principal::new(subject, [""; 0])), ..self.clone() }
    }

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

    pub async fn post(&self, session: &str, message: &Value) -> Answer {
        self.ask("POST", Some(session), Some(message)).await
    }

    /// Opens a session.
    pub async fn open(&self) -> String {
        let answer = self.ask("POST", None, Some(&mcp_stage::initialize(0, "2025-11-25"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let session = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
        let answer = self.post(&session, &mcp_stage::initialized()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        session
    }
}
