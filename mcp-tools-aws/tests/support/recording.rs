use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

/// An endpoint of AWS that speaks its JSON protocols as they are documented, answers as it is told,
/// and remembers what it was asked. It ends with the value.
pub struct Recording {
    url: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    _server: JoinSet<()>,
}

/// What is answered.
#[derive(Clone)]
pub enum Reply {
    /// A result.
    Ok(Value),
    /// XML, as STS answers.
    Xml(String),
    /// A status, and an error's code.
    Error(u16, &'static str),
    /// A result, but late.
    Late(Duration, Value),
    /// The connection is closed instead.
    HangUp,
}

impl Recording {
    /// Answers each request, known by its operation and its body, and counted from 0.
    pub async fn start(
        answer: impl Fn(&str, &Value, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                    async move {
                        let (operation, body) = read(request).await;
                        let number = {
                            let mut log = log.lock().expect("not poisoned");
                            log.push((operation.clone(), body.clone()));
                            log.len() - 1
                        };
                        respond(answer(&operation, &body, number)).await
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

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The operations and bodies of all requests so far.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().expect("not poisoned").clone()
    }

    pub fn operations(&self) -> Vec<String> {
        self.asked().into_iter().map(|(operation, _)| operation).collect()
    }
}

/// The operation is in a header of the JSON protocols, and in the body of the query protocol.
async fn read(request: Request<Incoming>) -> (String, Value) {
    let target = request.headers().get("x-amz-target").map(|target| {
        let target = target.to_str().unwrap_or_default();
        target.rsplit('.').next().unwrap_or_default().to_owned()
    });
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    match target {
        Some(operation) => (operation, serde_json::from_slice(&body).unwrap_or_default()),
        None => {
            let body = String::from_utf8_lossy(&body).into_owned();
            let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
            (action.unwrap_or_default().to_owned(), Value::String(body.clone()))
        }
    }
}

async fn respond(reply: Reply) -> Result<Response<Full<Bytes>>, HungUp> {
    let (status, kind, body) = match reply {
        Reply::Ok(body) => (200, "application/x-amz-json-1.1", body.to_string()),
        Reply::Xml(body) => (200, "text/xml", body),
        Reply::Error(status, code) => {
            let body =
                serde_json::json!({ "__type": code, "Message": "hush: the account's secret" });
            (status, "application/x-amz-json-1.1", body.to_string())
        }
        Reply::Late(time, body) => {
            tokio::time::sleep(time).await;
            (200, "application/x-amz-json-1.1", body.to_string())
        }
        Reply::HangUp => return Err(HungUp),
    };
    let response = Response::builder().status(status).header("content-type", kind);
    Ok(response.body(Full::from(body)).expect("a response"))
}

/// Makes hyper close the connection.
#[derive(Debug)]
pub struct HungUp;

impl std::fmt::Display for HungUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hung up")
    }
}

impl std::error::Error for HungUp {}

impl From<Infallible> for HungUp {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
