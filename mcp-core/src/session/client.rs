use std::{
    collections::VecDeque,
    fmt,
    io::Write as _,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use rmcp::model::ClientCapabilities;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::{
    LegacySession, lock,
    questions::{Answer, NoAnswer},
};
use crate::ReplyPart;

/// The client of a legacy session, as one of its calls sees it.
pub(crate) struct SessionClient {
    session: LegacySession,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the client is to be sent along with the call's answer.
    outbox: VecDeque<ReplyPart>,
    /// Whom to tell that there is something in it.
    waker: Option<Waker>,
    /// How many questions have no answer yet.
    open: usize,
    /// When the last one got its answer.
    answered: Option<Instant>,
}

impl fmt::Debug for SessionClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionClient").field("session", &self.session).finish_non_exhaustive()
    }
}

impl SessionClient {
    pub(super) fn new(session: LegacySession) -> Self {
        Self { session, state: Mutex::default() }
    }

    pub(crate) fn session(&self) -> &LegacySession {
        &self.session
    }

    pub(crate) fn capabilities(&self) -> Arc<ClientCapabilities> {
        self.session.capabilities()
    }

    /// Asks, and waits for the answer. Dropping the future tells the client that none is wanted.
    pub(crate) async fn ask(&self, method: &str, params: Option<&Value>) -> Answer {
        let within = self.session.0.server.answer_within();
        let (id, answer) = self.session.0.questions.open()?;
        lock(&self.state).open += 1;
        let _waiting = Waiting { client: self, id };
        self.send(ReplyPart::Request(request(id, method, params)));
        match timeout(within, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(NoAnswer::Gone),
            Err(_) => Err(NoAnswer::Late(within)),
        }
    }

    /// Has the stream end on which the client waits for the call's answer.
    pub(crate) fn close_stream(&self) {
        self.send(ReplyPart::CloseStream);
    }

    fn send(&self, part: ReplyPart) {
        let waker = {
            let mut state = lock(&self.state);
            state.outbox.push_back(part);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What the call wants to have sent next.
    pub(crate) fn poll_part(&self, cx: &Context<'_>) -> Poll<ReplyPart> {
        let mut state = lock(&self.state);
        if let Some(part) = state.outbox.pop_front() {
            return Poll::Ready(part);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker @ None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// As [`Self::poll_part`], without waiting for more.
    pub(crate) fn next_part(&self) -> Option<ReplyPart> {
        lock(&self.state).outbox.pop_front()
    }

    /// When a call that may take `timeout` has to end, if it has asked: not while its client is
    /// being asked, and after the full time once it has answered.
    pub(crate) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let state = lock(&self.state);
        if state.open > 0 {
            // Looked at once more by then; a question does not stay open for ever.
            return Some(Instant::now() + timeout);
        }
        state.answered.map(|at| at + timeout)
    }
}

struct Waiting<'a> {
    client: &'a SessionClient,
    id: i64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.client.state);
            state.open -= 1;
            state.answered = Some(Instant::now());
        }
        if self.client.session.0.questions.close(self.id) {
            self.client.send(ReplyPart::Request(given_up(self.id)));
        }
    }
}

fn request(id: i64, method: &str, params: Option<&Value>) -> Bytes {
    let mut out = Vec::with_capacity(256);
    // Writing to memory and serializing values does not fail.
    let _ = write!(out, r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}""#);
    if let Some(params) = params {
        out.extend_from_slice(br#","params":"#);
        let _ = serde_json::to_writer(&mut out, params);
    }
    out.push(b'}');
    out.into()
}

fn given_up(id: i64) -> Bytes {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the call no longer needs an answer"}}}}"#
    )
    .into()
}
