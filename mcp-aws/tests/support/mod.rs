//! Moto's clients, and a server that answers as it is told and remembers what it was asked.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use mcp_aws::{Client, with_defaults};
use mcp_testing::Moto;
use tokio::{net::TcpListener, task::JoinSet};

pub fn config(endpoint: &str, credentials: Credentials) -> SdkConfig {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    // As often as in earnest, but without the long waits.
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    with_defaults(&config).into_builder().retry_config(retries.with_max_attempts(3)).build()
}

/// A client in an account of its own at moto.
pub async fn at_moto() -> Client {
    let account = Moto::shared().account().await;
    Client::new(&config(
        Moto::shared().url(),
        Credentials::new(
            account.access_key_id,
            account.secret_access_key,
            Some(account.session_token),
            None,
            "test",
        ),
    ))
}

/// Answers over a socket; ends with the value.
pub struct Recording {
    pub url: String,
    asked: Arc<Mutex<Vec<Request<Bytes>>>>,
    _server: JoinSet<()>,
}

impl Recording {
    /// Answers the requests, counted from 0; an answer of `None` cuts the connection.
    pub async fn start(
        answer: impl Fn(usize) -> Option<Response<Full<Bytes>>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::<Mutex<Vec<Request<Bytes>>>>::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
                        let number = {
                            let mut log = log.lock().expect("not poisoned");
                            log.push(Request::from_parts(head, body));
                            log.len() - 1
                        };
                        answer(number).ok_or(Cut)
                    }
                });
                connections.spawn(async move {
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, asked, _server: server }
    }

    /// A client of the server, whose secret must not be told.
    pub fn client(&self) -> Client {
        Client::new(&config(&self.url, Credentials::new("AKIDTEST", "hush", None, None, "test")))
    }

    pub fn asked(&self) -> Vec<Request<Bytes>> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

pub fn answer(status: u16, body: &str) -> Option<Response<Full<Bytes>>> {
    let body = Full::from(body.as_bytes().to_vec());
    Some(Response::builder().status(status).body(body).expect("a response"))
}

/// Makes hyper close the connection.
#[derive(Debug)]
pub struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
