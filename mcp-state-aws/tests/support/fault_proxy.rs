//! What stands between a function and AWS, and does not always let through.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use mcp_testing::Moto;
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a request whose operation has this in its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    /// `ProvisionedThroughputExceededException`, as an exhausted table answers.
    Throttled(&'static str),
    /// The same for all requests but one of so many.
    PassesOneOf(usize),
    /// 500.
    Failing(&'static str),
    /// There is no answer.
    Hanging(&'static str),
    /// The connection is cut before anything is done, for the next request alone.
    CutOnce(&'static str),
    /// What is asked is done, and the connection cut before the answer, for the next request alone.
    CutOnceDone(&'static str),
}

pub struct FaultProxy {
    pub url: String,
    state: Arc<State>,
}

struct State {
    fault: Mutex<Fault>,
    seen: AtomicUsize,
    refused: AtomicUsize,
}

impl FaultProxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            fault: Mutex::new(Fault::None),
            seen: AtomicUsize::default(),
            refused: AtomicUsize::default(),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(|request| state.answer(request));
                    // An error is a client that has gone, or a connection that is cut.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, state }
    }

    pub fn set(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// How many requests have not been answered as moto would.
    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let target = request.headers().get("x-amz-target");
        let target = target.map_or("", |target| target.to_str().unwrap()).to_owned();
        let error = |status, kind: &str| {
            let text =
                format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"no"}}"#);
            let response = Response::builder()
                .status(status)
                .header("content-type", "application/x-amz-json-1.0");
            Ok(response.body(Full::new(text.into())).unwrap())
        };
        let throttled = || error(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException");
        let one_of = |many| (self.seen.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(many);
        let fault = *self.fault.lock().unwrap();
        let is_hit = match fault {
            Fault::None => false,
            Fault::PassesOneOf(many) => !one_of(many),
            Fault::Throttled(operation)
            | Fault::Failing(operation)
            | Fault::Hanging(operation)
            | Fault::CutOnce(operation)
            | Fault::CutOnceDone(operation) => target.contains(operation),
        };
        if !is_hit {
            return Ok(forward(request).await);
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        match fault {
            Fault::Failing(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
            Fault::Hanging(_) => std::future::pending().await,
            Fault::CutOnce(_) => {
                *self.fault.lock().unwrap() = Fault::None;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Fault::CutOnceDone(_) => {
                *self.fault.lock().unwrap() = Fault::None;
                forward(request).await;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            _ => throttled(),
        }
    }
}

async fn forward(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let authority = Moto::shared().url().strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(authority.trim_end_matches('/')).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(parts, Full::new(body.collect().await.unwrap().to_bytes()))
}
