//! What stands between a function and DynamoDB, and does not always let through.

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
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
    /// 500.
    Failing(&'static str),
    /// There is no answer.
    Hanging(&'static str),
}

pub struct FaultProxy {
    pub url: String,
    fault: Arc<Mutex<Fault>>,
}

impl FaultProxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fault = Arc::new(Mutex::new(Fault::None));
        let shared = Arc::clone(&fault);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fault = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let fault = *fault.lock().unwrap();
                        async move { Ok::<_, Infallible>(answer(fault, request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, fault }
    }

    pub fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

async fn answer(fault: Fault, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
    let error = |status, kind: &str| {
        let text =
            format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"no"}}"#);
        let response = Response::builder().status(status);
        response.header("content-type", "application/x-amz-json-1.0").body(Full::new(text.into()))
    };
    match fault {
        Fault::Throttled(operation) if target.contains(operation) => {
            error(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException").unwrap()
        }
        Fault::Failing(operation) if target.contains(operation) => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError").unwrap()
        }
        Fault::Hanging(operation) if target.contains(operation) => std::future::pending().await,
        _ => forward(request).await,
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
