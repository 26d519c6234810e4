use std::{io, process::Stdio};

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _, future::ready, sink};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use tokio::process::Command;
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec, LinesCodecError};

use crate::{
    connect::texts::{self, Heard},
    exit::Failure,
};

/// The longest message that is read, in bytes.
const LONGEST_LINE: usize = 16 << 20;

/// Starts a program that speaks on its standard streams. It is killed when the conversation ends;
/// what it writes to standard error is shown.
pub(crate) fn start(
    words: &[String],
    heard: &Heard,
) -> Result<
    (
        impl Sink<TxJsonRpcMessage<RoleClient>, Error = io::Error> + Send + Unpin + 'static,
        impl Stream<Item = RxJsonRpcMessage<RoleClient>> + Send + Unpin + 'static,
    ),
    Failure,
> {
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| cannot_start(&words[0], &error))?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Failure::local(format!("{} has no standard streams", words[0])));
    };
    let input = FramedWrite::new(input, LinesCodec::new());
    let sink = sink::unfold(input, |mut input, message| async move {
        match input.send(texts::text(&message)?).await {
            // A program that has ended is noticed by the end of its output, which may hold its
            // last words.
            Err(LinesCodecError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(io::Error::other(error)),
            Ok(()) => {}
        }
        Ok(input)
    });
    let lines = FramedRead::new(output, LinesCodec::new_with_max_length(LONGEST_LINE));
    let lines = lines.filter_map(move |line| {
        // Lives as long as its output is read.
        let _ = &child;
        ready(line.ok())
    });
    Ok((Box::pin(sink), Box::pin(heard.messages(lines))))
}

fn cannot_start(program: &str, error: &io::Error) -> Failure {
    let mut message = format!("cannot start {program}: {error}");
    if error.kind() == io::ErrorKind::NotFound {
        let is_address = program.contains(':') || program.contains("/mcp");
        message += if is_address {
            "; an address begins with http:// or https://"
        } else {
            "; is it installed, and on the PATH?"
        };
    }
    Failure::unreachable(message)
}
