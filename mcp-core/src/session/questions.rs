use std::{collections::HashMap, sync::Mutex};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::lock;
use crate::ClientResponse;

/// What a client has made of a question.
pub(crate) type Answer = Result<Box<RawValue>, NoAnswer>;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The client's error, as it wrote it.
    #[error("the client answered with an error: {0}")]
    Refused(String),
    #[error("the client is gone")]
    Gone,
    #[error("the client's answer would reach another process")]
    Elsewhere,
    #[error("the client did not answer within {0:?}")]
    Late(std::time::Duration),
}

/// The questions of a session that have no answer yet.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: i64,
    waiting: HashMap<i64, oneshot::Sender<Answer>>,
    /// Why the client can answer nothing, if so.
    closed: Option<Closed>,
}

/// Why a client cannot be asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Closed {
    Gone,
    Elsewhere,
}

impl From<Closed> for NoAnswer {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Gone => Self::Gone,
            Closed::Elsewhere => Self::Elsewhere,
        }
    }
}

impl Questions {
    /// Begins at an identifier of which nobody else begins. One that JavaScript's numbers hold.
    pub(super) fn begin_apart(&self) {
        // Without randomness it begins as any session does.
        let random = getrandom::u64().map_or(0, |random| random >> 12);
        lock(&self.0).next = i64::try_from(random).unwrap_or_default();
    }

    pub(super) fn waiting(&self) -> Vec<i64> {
        lock(&self.0).waiting.keys().copied().collect()
    }

    /// Makes an identifier, and a place where the answer will be.
    pub(super) fn open(&self) -> Result<(i64, oneshot::Receiver<Answer>), NoAnswer> {
        let mut open = lock(&self.0);
        if let Some(closed) = open.closed {
            return Err(closed.into());
        }
        let (sender, receiver) = oneshot::channel();
        let id = open.next;
        open.next += 1;
        open.waiting.insert(id, sender);
        Ok((id, receiver))
    }

    /// Waits for the answer no longer. Whether there was none.
    pub(super) fn close(&self, id: i64) -> bool {
        lock(&self.0).waiting.remove(&id).is_some()
    }

    pub(super) fn answer(&self, response: &ClientResponse) -> bool {
        let id = response.id().and_then(|id| id.to_string().parse().ok());
        let Some(sender) = id.and_then(|id: i64| lock(&self.0).waiting.remove(&id)) else {
            return false;
        };
        let answer = match response.result() {
            Ok(result) => RawValue::from_string(result.to_owned())
                .map_err(|error| NoAnswer::Refused(error.to_string())),
            Err(error) => Err(NoAnswer::Refused(error.chars().take(1024).collect())),
        };
        // The call may have ended at this moment.
        sender.send(answer).is_ok()
    }

    /// Fails what is open, and what would be asked from now on.
    pub(super) fn close_all(&self, why: Closed) {
        let mut open = lock(&self.0);
        open.closed = Some(why);
        // Their receivers learn of it.
        open.waiting.clear();
    }
}
