use std::{io, time::Duration};

use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use futures_util::{Sink, Stream, StreamExt as _, sink};
use mcp_aws::{Client, ErrorKind, Request, service};
use rmcp::{
    RoleClient,
    model::JsonRpcMessage,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::{
    connect::texts::{self, Heard},
    exit::Failure,
};

/// The longest that a function runs ("Lambda quotas": 15 minutes), and a little for the way.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60 + 10);

/// Invokes a function for each request, with the credentials and the region of the environment.
///
/// Lambda carries nothing but answers, so there is no progress, and a notification, which would be an
/// invocation that does nothing, is not sent. Nothing is invoked twice.
pub(crate) async fn connect(
    function: &str,
    heard: &Heard,
) -> Result<
    (
        impl Sink<TxJsonRpcMessage<RoleClient>, Error = io::Error> + Send + Unpin + 'static,
        impl Stream<Item = RxJsonRpcMessage<RoleClient>> + Send + Unpin + 'static,
    ),
    Failure,
> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_timeout(LONGEST_RUN)
        .build();
    let config = mcp_aws::load_config().await.to_builder().timeout_config(timeouts);
    let client = Client::new(&config.retry_config(RetryConfig::disabled()).build());
    let path = format!("/2015-03-31/functions/{}/invocations", mcp_aws::encode(function));
    let (sender, receiver) = mpsc::unbounded_channel();
    let sink = sink::unfold(
        (client, path, sender),
        |(client, path, sender), message: TxJsonRpcMessage<RoleClient>| async move {
            if matches!(message, JsonRpcMessage::Request(_)) {
                invoke(&client, &path, texts::text(&message)?, &sender).await?;
            }
            Ok::<_, io::Error>((client, path, sender))
        },
    );
    let texts = futures_util::stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    });
    Ok((Box::pin(sink), Box::pin(heard.messages(texts.boxed()))))
}

async fn invoke(
    client: &Client,
    path: &str,
    event: String,
    answers: &UnboundedSender<String>,
) -> io::Result<()> {
    let request = Request::rest(&service::LAMBDA, "Invoke", "POST", path)
        .allowed_by("lambda:InvokeFunction")
        .header("content-type", "application/json")
        .body(event);
    let answer = client.send(request).await.map_err(|error| {
        // Advice for who runs a server would be put in other words here.
        let hint = match error.kind() {
            ErrorKind::NoCredentials => "; set AWS_PROFILE, and run `aws sso login` if it needs it",
            ErrorKind::NotFound => "; is AWS_REGION the function's region?",
            _ => "",
        };
        io::Error::other(format!("{error}{hint}"))
    })?;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    if answer.header("x-amz-function-error").is_some() {
        return Err(io::Error::other(format!("the function failed: {text}")));
    }
    // Who no longer listens needs no answer.
    let _ = answers.send(text);
    Ok(())
}
