use std::{
    convert::Infallible,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

/// What somebody asked of AWS, as it can be seen on the wire.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name that the request is signed for.
    pub service: String,
    pub region: String,
    /// Of the JSON and query protocols; of the REST protocols the method and the path.
    pub operation: String,
    /// When it was signed.
    pub date: String,
    json: bool,
    form: bool,
}

/// What becomes of a request.
#[derive(Clone)]
pub enum Fault {
    /// It reaches moto.
    None,
    /// It reaches moto, but late.
    Late(Duration),
    /// It is refused with this status and code, in the form of its protocol.
    Refuse(u16, &'static str),
    /// It is answered with this instead.
    Answer(u16, String),
    /// The connection is closed.
    Cut,
    /// The head of the answer comes, and half of what it promises; then the connection is closed.
    CutBody,
}

/// Stands before moto, remembers what it was asked, and does to it what AWS does on bad days.
pub struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: JoinSet<()>,
}

impl Proxy {
    pub async fn start(
        behind: &'static str,
        fault: impl Fn(&Asked) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (log, fault) = (Arc::clone(&asked), Arc::new(fault));
        let client = reqwest::Client::new();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (log, fault, client) = (Arc::clone(&log), Arc::clone(&fault), client.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (log, fault, client) =
                        (Arc::clone(&log), Arc::clone(&fault), client.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
                        let asked = Asked::read(&head, &body);
                        let fault = fault(&asked);
                        log.lock().expect("not poisoned").push(asked.clone());
                        match fault {
                            Fault::None => forward(&client, behind, head, body).await,
                            Fault::Late(time) => {
                                tokio::time::sleep(time).await;
                                forward(&client, behind, head, body).await
                            }
                            Fault::Refuse(status, code) => Ok(asked.refusal(status, code)),
                            Fault::Answer(status, body) => Ok(answer(status, body)),
                            Fault::Cut => Err(Broken),
                            Fault::CutBody => Ok(Response::builder()
                                .header("content-length", 2 * HALF)
                                .body(Body::Half(Half::Data))
                                .expect("a response")),
                        }
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

    /// All requests so far, and forgets them.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().expect("not poisoned"))
    }
}

impl Asked {
    fn read(head: &hyper::http::request::Parts, body: &Bytes) -> Self {
        let header = |name: &str| {
            head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        // Credential=KEY/DATE/REGION/SERVICE/aws4_request
        let mut scope = header("authorization").split('/').skip(2);
        let region = scope.next().unwrap_or_default().to_owned();
        let service = scope.next().unwrap_or_default().to_owned();
        let target = header("x-amz-target");
        let form = header("content-type").starts_with("application/x-www-form");
        let text = String::from_utf8_lossy(body);
        let operation = if !target.is_empty() {
            target.rsplit('.').next().unwrap_or_default().to_owned()
        } else if form {
            let action = text.split('&').find_map(|pair| pair.strip_prefix("Action="));
            action.unwrap_or_default().to_owned()
        } else {
            let uri = head.uri.path_and_query().map_or("/", |uri| uri.as_str());
            format!("{} {uri}", head.method)
        };
        let date = header("x-amz-date").to_owned();
        Self { service, region, operation, date, json: !target.is_empty(), form }
    }

    /// Whether it is of one of the JSON protocols.
    pub fn is_json(&self) -> bool {
        self.json
    }

    fn refusal(&self, status: u16, code: &str) -> Response<Body> {
        let message = "hush: what AWS says is not for the model";
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let body = match (self.json, self.form, self.service.as_str()) {
            (true, ..) => format!(r#"{{"__type":"com.amazon#{code}","message":"{message}"}}"#),
            (_, true, "ec2") => format!("<Response><Errors>{error}</Errors></Response>"),
            (_, true, _) => format!("<ErrorResponse>{error}</ErrorResponse>"),
            (_, _, "s3") => error,
            _ => format!(r#"{{"message":"{message}"}}"#),
        };
        let mut response = answer(status, body);
        let rest = !self.json && !self.form && self.service != "s3";
        if rest {
            let code = code.parse().expect("a header's value");
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        response
    }
}

fn answer(status: u16, body: String) -> Response<Body> {
    Response::builder().status(status).body(Body::Whole(Full::from(body))).expect("a response")
}

async fn forward(
    client: &reqwest::Client,
    behind: &str,
    head: hyper::http::request::Parts,
    body: Bytes,
) -> Result<Response<Body>, Broken> {
    let mut url = behind.to_owned();
    let uri = head.uri.path_and_query().map_or("/", |uri| uri.as_str());
    write!(url, "{uri}").map_err(|_| Broken)?;
    let mut request = client.request(head.method, url);
    for (name, value) in &head.headers {
        if !["host", "content-length", "connection"].contains(&name.as_str()) {
            request = request.header(name, value);
        }
    }
    let answer = request.body(body).send().await.map_err(|_| Broken)?;
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if !["content-length", "connection", "transfer-encoding"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    let body = answer.bytes().await.map_err(|_| Broken)?;
    response.body(Body::Whole(Full::from(body))).map_err(|_| Broken)
}

/// So many bytes are half a body.
const HALF: usize = 500;

/// A body, or the half of one.
pub enum Body {
    Whole(Full<Bytes>),
    Half(Half),
}

/// What comes next of the half of a body.
pub enum Half {
    Data,
    /// Nothing yet, so that hyper sends what it has.
    Pause,
    End,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(body) => {
                std::pin::Pin::new(body).poll_frame(cx).map_err(|never: Infallible| match never {})
            }
            Self::Half(next) => match next {
                Half::Data => {
                    *next = Half::Pause;
                    let half = Bytes::from(vec![b' '; HALF]);
                    std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(half))))
                }
                Half::Pause => {
                    *next = Half::End;
                    cx.waker().wake_by_ref();
                    std::task::Poll::Pending
                }
                Half::End => std::task::Poll::Ready(Some(Err(Broken))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Half(_) => hyper::body::SizeHint::with_exact(2 * HALF as u64),
        }
    }
}

/// Makes hyper close the connection.
#[derive(Debug)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}
