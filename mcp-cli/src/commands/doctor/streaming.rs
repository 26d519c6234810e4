//! Whether streaming really streams.

use std::time::Duration;

use http::header;
use serde_json::json;

use super::{
    probe::Probe,
    report::{Finding, Report},
};

/// For how long a stream has to stay open to count as one.
const STREAM: Duration = Duration::from_millis(500);

/// A subscription says at once that it stands, and then goes on: whoever gathers replies hands it on
/// late, or ends it.
pub(super) async fn streaming(probe: &Probe, report: &mut Report) {
    const ABOUT: &str = "streaming";
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let listen = probe.request("subscriptions/listen", filter);
    let request = probe.send(listen.to_string(), "subscriptions/listen", probe.headers.clone());
    let Ok(mut response) = request.await.send().await else {
        report.add(Finding::doubtful(
            ABOUT,
            "a subscription is not answered",
            "something in front waits for the whole reply: let it stream (Function URL with \
             RESPONSE_STREAM, REST API with STREAM), or do without subscriptions",
        ));
        return;
    };
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        let found = "the server has no subscriptions";
        report.add(Finding::doubtful(ABOUT, found, "that is well for tools without progress"));
        return;
    }
    let first = tokio::time::timeout(probe.patience, response.chunk()).await;
    let has_begun = matches!(first, Ok(Ok(Some(_))));
    // What ends at once was gathered.
    let ends =
        tokio::time::timeout(STREAM, async { while let Ok(Some(_)) = response.chunk().await {} });
    let has_ended = ends.await.is_ok();
    report.add(if has_begun && !has_ended {
        Finding::good(ABOUT, "events arrive while the reply goes on")
    } else if has_begun {
        Finding::doubtful(
            ABOUT,
            "replies arrive whole: progress comes together with the result",
            "let the door stream: a Function URL with RESPONSE_STREAM or a REST API with STREAM, \
             and MCP_LAMBDA_RESPONSE=stream",
        )
    } else {
        Finding::wrong(
            ABOUT,
            "a stream begins and nothing comes",
            "something in front holds events back: switch its buffering off (nginx: \
             proxy_buffering off)",
        )
    });
}
