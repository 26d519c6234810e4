//! What belongs to a call is taken from the wire before the client reads it.
//!
//! `rmcp`'s client reads a result into its model, which forgets the order of members, the spelling
//! of numbers and kinds of content that it does not know; and it runs each notification as a task
//! of its own, which forgets their order. A call's answer and its progress are therefore put into
//! the call's inbox as they arrive, and the client is told no more than that an answer came.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use mcp_core::LogLevel;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetMeta as _, NumberOrString};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

/// How many notes a call may be behind of what its server says; from a pipe that is shared with
/// other calls, what is over that is dropped.
pub(crate) const NOTES_IN_FLIGHT: usize = 1024;

/// What a server says about a call before the answer.
#[derive(Debug)]
pub(crate) enum Note {
    Progress { progress: f64, total: Option<f64>, message: Option<String> },
    Log { level: LogLevel, data: serde_json::Value },
}

/// Where a call finds what was said to it.
#[derive(Debug)]
pub(crate) struct Inbox {
    result: Mutex<Option<String>>,
    /// `None` where nobody wants to know.
    notes: Option<mpsc::Sender<Note>>,
    calls: Arc<Calls>,
    key: OnceLock<Key>,
}

/// The numbers under which the client has sent a call.
#[derive(Clone, Copy, Debug)]
struct Key {
    id: i64,
    token: Option<i64>,
}

/// The calls of one connection that are under way.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    inboxes: Mutex<Inboxes>,
}

#[derive(Debug, Default)]
struct Inboxes {
    by_id: HashMap<i64, Weak<Inbox>>,
    by_token: HashMap<i64, Weak<Inbox>>,
}

/// What is left of a message for the client.
#[derive(Debug, PartialEq)]
pub(crate) enum Rest<'a> {
    /// All of it.
    Whole(&'a str),
    /// That there was an answer.
    Acknowledgement(String),
    Nothing,
}

impl Inbox {
    pub(crate) fn new(calls: &Arc<Calls>, notes: Option<mpsc::Sender<Note>>) -> Arc<Self> {
        Arc::new(Self {
            result: Mutex::default(),
            notes,
            calls: Arc::clone(calls),
            key: OnceLock::new(),
        })
    }

    /// The result as it was written, once it is there.
    pub(crate) fn take_result(&self) -> Option<String> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Gives the call's numbers to those that read what the server says. Progress that nobody
    /// wants is not asked for, so that the server need not prepare for a stream.
    ///
    /// `None` if the message is not a call that has an inbox.
    pub(crate) fn address(message: &mut ClientJsonRpcMessage) -> Option<Arc<Self>> {
        let ClientJsonRpcMessage::Request(request) = message else { return None };
        let ClientRequest::CallToolRequest(call) = &request.request else { return None };
        let inbox = Arc::clone(call.extensions.get::<Arc<Self>>()?);
        let NumberOrString::Number(id) = request.id else { return None };
        let meta = request.request.get_meta_mut();
        let token = meta.get_progress_token();
        if inbox.notes.is_none() {
            meta.0.0.remove("progressToken");
        }
        let token = match token {
            Some(token) if inbox.notes.is_some() => match token.0 {
                NumberOrString::Number(token) => Some(token),
                NumberOrString::String(_) => None,
            },
            _ => None,
        };
        // A client that sends a message once more, to a new session, keeps its numbers.
        if inbox.key.set(Key { id, token }).is_ok() {
            let mut inboxes = inbox.calls.lock();
            inboxes.by_id.insert(id, Arc::downgrade(&inbox));
            if let Some(token) = token {
                inboxes.by_token.insert(token, Arc::downgrade(&inbox));
            }
        }
        Some(inbox)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if let Some(key) = self.key.get() {
            let mut inboxes = self.calls.lock();
            inboxes.by_id.remove(&key.id);
            if let Some(token) = &key.token {
                inboxes.by_token.remove(token);
            }
        }
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    progress_token: NumberOrString,
    progress: f64,
    total: Option<f64>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Log {
    level: LogLevel,
    #[serde(default)]
    data: serde_json::Value,
}

impl Calls {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inboxes> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out of a message what belongs to a call, and hands back the note that it is to be
    /// given. `origin` is the call on whose own stream the message came.
    pub(crate) fn sort<'a>(
        &self,
        text: &'a str,
        origin: Option<&Arc<Inbox>>,
    ) -> (Rest<'a>, Option<(mpsc::Sender<Note>, Note)>) {
        // What is no message is for the client to complain of.
        let Ok(wire) = serde_json::from_str::<Wire<'a>>(text) else {
            return (Rest::Whole(text), None);
        };
        match (wire.method.as_deref(), wire.result) {
            (None, Some(result)) => {
                let Some(id) = wire.id.and_then(|id| integer(id.get())) else {
                    return (Rest::Whole(text), None);
                };
                let Some(inbox) = self.lock().by_id.get(&id).and_then(Weak::upgrade) else {
                    return (Rest::Whole(text), None);
                };
                let mut slot = inbox.result.lock().unwrap_or_else(PoisonError::into_inner);
                *slot = Some(result.get().to_owned());
                let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
                (Rest::Acknowledgement(text), None)
            }
            (Some("notifications/progress"), _) => (Rest::Nothing, self.progress(wire.params)),
            (Some("notifications/message"), _) => {
                let note = origin.and_then(|origin| {
                    let log: Log = serde_json::from_str(wire.params?.get()).ok()?;
                    let notes = origin.notes.clone()?;
                    Some((notes, Note::Log { level: log.level, data: log.data }))
                });
                (Rest::Nothing, note)
            }
            _ => (Rest::Whole(text), None),
        }
    }

    fn progress(&self, params: Option<&RawValue>) -> Option<(mpsc::Sender<Note>, Note)> {
        let progress: Progress = serde_json::from_str(params?.get()).ok()?;
        let token = match progress.progress_token {
            NumberOrString::Number(token) => token,
            NumberOrString::String(token) => token.parse().ok()?,
        };
        let inbox = self.lock().by_token.get(&token).and_then(Weak::upgrade)?;
        let note = Note::Progress {
            progress: progress.progress,
            total: progress.total,
            message: progress.message,
        };
        Some((inbox.notes.clone()?, note))
    }
}

/// A request's number. Some servers answer under a string of its digits.
fn integer(id: &str) -> Option<i64> {
    id.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolRequest, CallToolRequestParams};

    use super::*;

    fn address(inbox: &Arc<Inbox>, id: i64, token: i64) -> String {
        let mut call = CallToolRequest::new(CallToolRequestParams::new("tool"));
        call.extensions.insert(Arc::clone(inbox));
        let mut call = ClientRequest::from(call);
        call.get_meta_mut()
            .set_progress_token(rmcp::model::ProgressToken(NumberOrString::Number(token)));
        let mut message = ClientJsonRpcMessage::request(call, NumberOrString::Number(id));
        assert!(Inbox::address(&mut message).is_some());
        serde_json::to_string(&message).unwrap()
    }

    #[test]
    fn an_answer_is_taken_as_it_is_written() {
        let calls = Arc::new(Calls::default());
        let inbox = Inbox::new(&calls, None);
        address(&inbox, 7, 3);
        for id in ["7", r#""7""#] {
            let text = format!(r#"{{"jsonrpc":"2.0","result":{{"z": 1.0,"a":[ ]}},"id":{id}}}"#);
            let (rest, note) = calls.sort(&text, None);
            let acknowledgement = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
            assert_eq!(rest, Rest::Acknowledgement(acknowledgement.to_owned()));
            assert!(note.is_none());
            assert_eq!(inbox.take_result().as_deref(), Some(r#"{"z": 1.0,"a":[ ]}"#));
        }
    }

    #[test]
    fn what_is_not_for_a_call_is_left_to_the_client() {
        let calls = Arc::new(Calls::default());
        let inbox = Inbox::new(&calls, None);
        address(&inbox, 7, 3);
        for text in [
            r#"{"jsonrpc":"2.0","id":8,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"}}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
            "{",
        ] {
            assert_eq!(calls.sort(text, None).0, Rest::Whole(text));
        }
        assert_eq!(inbox.take_result(), None);
    }

    #[test]
    fn progress_is_asked_for_only_where_it_is_wanted() {
        let calls = Arc::new(Calls::default());
        let unheard = Inbox::new(&calls, None);
        assert!(!address(&unheard, 1, 1).contains("progressToken"));
        let (notes, _heard) = mpsc::channel(1);
        let heard = Inbox::new(&calls, Some(notes));
        assert!(address(&heard, 2, 2).contains(r#""progressToken":2"#));
        let progress = |token: i64| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
            )
        };
        assert!(calls.sort(&progress(1), None).1.is_none());
        assert!(calls.sort(&progress(2), None).1.is_some());
    }

    #[test]
    fn a_call_that_is_over_leaves_nothing_behind() {
        let calls = Arc::new(Calls::default());
        let (notes, _heard) = mpsc::channel(1);
        let inbox = Inbox::new(&calls, Some(notes));
        address(&inbox, 1, 1);
        drop(inbox);
        let inboxes = calls.lock();
        assert!(inboxes.by_id.is_empty() && inboxes.by_token.is_empty());
    }
}
