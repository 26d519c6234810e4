//! Streamed replies: a prelude of JSON, eight NULs, and the body.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Body, reply};
use crate::lambda::{Failure, emulator::Function};

/// The prelude's content type ("Lambda proxy integration format for response streaming").
const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";
const DELIMITER: [u8; 8] = [0; 8];
/// Within how many bytes the delimiter has to come.
const LIMIT: usize = 16 * 1024;

type Chunks = mpsc::Receiver<Result<Bytes, Failure>>;

/// Reads the prelude and hands the rest on; the error is what is wrong.
pub(super) async fn read(
    function: &Arc<Function>,
    content_type: &str,
    mut chunks: Chunks,
) -> Result<Response<Body>, String> {
    if content_type != CONTENT_TYPE {
        return Err(format!(
            "the stream's Content-Type is `{content_type}`, expected {CONTENT_TYPE}"
        ));
    }
    let mut read = BytesMut::new();
    let at = loop {
        match chunks.recv().await {
            Some(Ok(chunk)) => read.extend_from_slice(&chunk),
            Some(Err(failure)) => return Err(format!("the stream failed: {failure:?}")),
            None => return Err("the stream ended before its eight NULs".into()),
        }
        match read.windows(DELIMITER.len()).position(|window| window == DELIMITER) {
            Some(at) => break at,
            None if read.len() > LIMIT => return Err("there are no eight NULs in 16 KB".into()),
            None => {}
        }
    };
    let prelude: Value = serde_json::from_slice(&read[..at])
        .map_err(|error| format!("the prelude is not JSON: {error}"))?;
    let Value::Object(mut prelude) = prelude else {
        return Err("the prelude is no object".into());
    };
    const ALLOWED: [&str; 4] = ["statusCode", "headers", "multiValueHeaders", "cookies"];
    if let Some(unknown) = prelude.keys().find(|name| !ALLOWED.contains(&name.as_str())) {
        return Err(format!("the prelude has a member `{unknown}`, which is none of {ALLOWED:?}"));
    }

    let status = reply::status(prelude.get("statusCode"))?;
    let mut headers = http::HeaderMap::new();
    reply::add_single(&mut headers, prelude.remove("headers"))?;
    reply::add_multiple(&mut headers, prelude.remove("multiValueHeaders"))?;
    for cookie in reply::list(prelude.get("cookies"), "cookies")? {
        reply::add(&mut headers, "set-cookie", &cookie)?;
    }

    let rest = read.split_off(at + DELIMITER.len()).freeze();
    let mut response = Response::new(rest_of(function, rest, chunks));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// What is left of the stream. A failure breaks it off, and with it the connection.
fn rest_of(function: &Arc<Function>, first: Bytes, chunks: Chunks) -> Body {
    let place = (Some(first).filter(|first| !first.is_empty()), chunks, Arc::clone(function));
    let frames = stream::unfold(place, |(first, mut chunks, function)| async move {
        let chunk = match first {
            Some(first) => Ok(first),
            None => chunks.recv().await?,
        };
        let frame = chunk.map(Frame::data).map_err(|failure| {
            function.fault(format!("the stream failed: {failure:?}"));
            io::Error::other(failure.message)
        });
        Some((frame, (None, chunks, function)))
    });
    // A body has to be `Sync` to be boxed, which a stream need not be.
    BodyExt::boxed(StreamBody::new(Box::pin(frames)))
}

/// All of a stream, as a door reads it that does not stream.
pub(super) async fn whole(mut chunks: Chunks) -> Result<Bytes, Failure> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.recv().await {
        whole.extend_from_slice(&chunk?);
    }
    Ok(whole.freeze())
}
