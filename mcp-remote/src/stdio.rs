use std::{io, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use rmcp::{
    RoleClient,
    model::{ClientRequest, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
    time::timeout,
};
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::inbox::{Calls, Inbox, Rest};

/// The longest message that is read, in bytes.
const LONGEST_LINE: usize = 16 << 20;
/// How long a program has to end once its input is closed, and once more after it was told to.
const GRACE: Duration = Duration::from_secs(3);

/// A program that speaks MCP on its standard streams. Ends when it is dropped.
pub(crate) struct Stdio {
    child: Child,
    input: Arc<Mutex<Option<ChildStdin>>>,
    output: FramedRead<ChildStdout, LinesCodec>,
    calls: Arc<Calls>,
    /// The request that asks what the program speaks, until the client begins in the legacy way.
    probe: Option<RequestId>,
    /// That request from then on. A program that was slow to start answers it all the same, which the
    /// client would take for the answer to `initialize`.
    given_up: Option<RequestId>,
}

impl Stdio {
    /// Starts the program. What it writes to standard error goes to ours.
    pub(crate) fn spawn(command: &mut Command, calls: Arc<Calls>) -> io::Result<Self> {
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the program has no standard streams"));
        };
        Ok(Self {
            child,
            input: Arc::new(Mutex::new(Some(input))),
            output: FramedRead::new(output, LinesCodec::new_with_max_length(LONGEST_LINE)),
            calls,
            probe: None,
            given_up: None,
        })
    }

    /// Notes how the client begins.
    fn note(&mut self, message: &TxJsonRpcMessage<RoleClient>) {
        let JsonRpcMessage::Request(request) = message else { return };
        match &request.request {
            ClientRequest::DiscoverRequest(_) => self.probe = Some(request.id.clone()),
            ClientRequest::InitializeRequest(_) => self.given_up = self.probe.take(),
            _ => {}
        }
    }

    /// Whether a message answers what the client no longer waits for.
    fn comes_too_late(&self, message: &RxJsonRpcMessage<RoleClient>) -> bool {
        let id = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        id.is_some() && id == self.given_up.as_ref()
    }

    /// Asks the program to end, as a service manager would.
    fn terminate(&self) {
        #[cfg(unix)]
        if let Some(pid) =
            self.child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

impl Transport<RoleClient> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        mut message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.note(&message);
        // The inbox is in the message, which is gone once it is written; the call holds it, too.
        let inbox = Inbox::address(&mut message);
        let line = serde_json::to_vec(&message);
        let input = Arc::clone(&self.input);
        async move {
            let mut line = line?;
            line.push(b'\n');
            let mut input = input.lock().await;
            let Some(input) = input.as_mut() else { return Err(io::ErrorKind::BrokenPipe.into()) };
            input.write_all(&line).await?;
            input.flush().await?;
            drop(inbox);
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let line = match self.output.next().await? {
                Ok(line) => line,
                Err(error) => {
                    tracing::warn!(%error, "a program's output cannot be read");
                    return None;
                }
            };
            let (rest, note) = self.calls.sort(&line, None);
            if let Some((notes, note)) = note {
                // Waiting here would hold up all other calls.
                let _ = notes.try_send(note);
            }
            let text = match &rest {
                Rest::Whole(text) => text,
                Rest::Acknowledgement(text) => text.as_str(),
                Rest::Nothing => continue,
            };
            if text.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(text) {
                Ok(message) if self.comes_too_late(&message) => {}
                Ok(message) => return Some(message),
                // Some programs greet their users on standard output.
                Err(error) => tracing::warn!(%error, "a program wrote what is no message"),
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // What is being written may wait for a program that does not read.
        if let Ok(mut input) = timeout(GRACE, self.input.lock()).await {
            drop(input.take());
        }
        if let Ok(ended) = timeout(GRACE, self.child.wait()).await {
            return ended.map(drop);
        }
        self.terminate();
        match timeout(GRACE, self.child.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => self.child.kill().await,
        }
    }
}
