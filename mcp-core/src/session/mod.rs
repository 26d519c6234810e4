//! Legacy sessions (2024-11-05 to 2025-11-25): what `initialize` agrees on, and who may be asked.

mod client;
pub(crate) mod earlier;
mod initialize;
mod questions;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use rmcp::model::{ClientCapabilities, Implementation};

use self::questions::{Closed, Questions};
pub(crate) use self::{client::SessionClient, initialize::InitializeParams, questions::NoAnswer};
use crate::{
    ClientResponse, LogLevel, Reply, Request, RpcError, Server,
    subscription::{Change, Listener},
};

/// One legacy session: what its client has said of itself in `initialize`, and what the session
/// has agreed on since.
///
/// It is no more than memory: nothing runs for it, and it ends when its last clone is dropped. A
/// binding opens one with [`Server::open_session`] when a client sends `initialize`, has it
/// [answer](Self::call) that request and all that follow, hands it the client's answers
/// ([`accept`](Self::accept)), and delivers what the client is to hear of without having asked
/// ([`poll_notification`](Self::poll_notification)).
#[derive(Clone)]
pub struct LegacySession(Arc<Inner>);

struct Inner {
    server: Server,
    /// A client may introduce itself once more.
    client: Mutex<Client>,
    /// What log messages it wants: none until it asks with `logging/setLevel`, as modern requests
    /// that ask for none get none.
    log_level: Mutex<Option<LogLevel>>,
    questions: Questions,
    listener: Listener,
}

/// What `initialize` has agreed on.
struct Client {
    version: &'static str,
    info: Implementation,
    capabilities: Arc<ClientCapabilities>,
}

impl From<InitializeParams> for Client {
    fn from(params: InitializeParams) -> Self {
        Self {
            version: params.version(),
            info: params.client_info,
            capabilities: Arc::new(params.capabilities),
        }
    }
}

/// What a session has agreed on since its `initialize`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// What log messages the client wants, if it has asked for some.
    pub log_level: Option<LogLevel>,
    /// The resources that it has subscribed to.
    pub subscriptions: BTreeSet<Box<str>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks panics half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for LegacySession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegacySession").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl LegacySession {
    /// # Errors
    ///
    /// When the parameters of `initialize` are malformed.
    pub(crate) fn open(server: &Server, initialize: &Request) -> Result<Self, RpcError> {
        let params = InitializeParams::of(initialize)?;
        Ok(Self(Arc::new(Inner {
            server: server.clone(),
            client: Mutex::new(params.into()),
            log_level: Mutex::new(None),
            questions: Questions::default(),
            listener: server.session_listener(),
        })))
    }

    /// Answers a request of the session, the `initialize` that opened it included.
    ///
    /// As [`Server::call`]. The reply may also ask the client something
    /// ([`ReplyPart::Request`](crate::ReplyPart::Request)).
    pub fn call(&self, mut request: Request) -> Reply {
        request.set_log_level(self.log_level());
        request.set_client(Arc::new(SessionClient::new(self.clone())));
        self.0.server.call(request)
    }

    /// Takes the client's answer to what it was asked. Returns whether anything was waiting for it.
    pub fn accept(&self, response: &ClientResponse) -> bool {
        self.0.questions.answer(response)
    }

    /// What the client is to hear of next without having asked for it, as a JSON-RPC message.
    ///
    /// Nothing is queued for a client that does not read: what has changed several times has
    /// changed.
    pub fn poll_notification(&self, cx: &Context<'_>) -> Poll<Bytes> {
        self.0.listener.poll_next(cx).map(|change| change.to_message())
    }

    /// Notes that the client can answer nothing any more: what it has been asked fails, and so
    /// does what it would be asked from now on.
    pub fn hang_up(&self) {
        self.0.questions.close_all(Closed::Gone);
    }

    /// Notes that the client's answers reach other processes, as where each request of a session may
    /// be another's: what it would be asked fails, and says so to the model.
    pub fn answers_elsewhere(&self) {
        self.0.questions.close_all(Closed::Elsewhere);
    }

    /// What the session has agreed on by now. A binding whose next request may reach another process
    /// keeps it, and has that process [resume](Self::resume) from it.
    pub fn settings(&self) -> SessionSettings {
        SessionSettings { log_level: self.log_level(), subscriptions: self.0.listener.resources() }
    }

    /// Goes on, in a session that was just opened, from what it had agreed on in another process.
    ///
    /// What the client is asked from now on has identifiers that no other process uses.
    pub fn resume(&self, settings: &SessionSettings) {
        *lock(&self.0.log_level) = settings.log_level;
        for uri in &settings.subscriptions {
            // What went in before fits again, unless there are too many others.
            if self.0.listener.add(Change::Resource((&**uri).into())).is_err() {
                tracing::warn!("a session will not hear of a resource: there are too many");
            }
        }
        self.0.questions.begin_apart();
    }

    /// The identifiers of what the client has been asked and has not answered.
    pub fn open_questions(&self) -> Vec<i64> {
        self.0.questions.waiting()
    }

    /// The revision of the protocol that was agreed on, such as `2025-11-25`.
    pub fn version(&self) -> &'static str {
        lock(&self.0.client).version
    }

    pub(crate) fn capabilities(&self) -> Arc<ClientCapabilities> {
        Arc::clone(&lock(&self.0.client).capabilities)
    }

    /// What the client calls itself. Unverified.
    pub(crate) fn client_info(&self) -> Implementation {
        lock(&self.0.client).info.clone()
    }

    /// Takes what the client says of itself in another `initialize`: clients that share a process
    /// through a proxy do this.
    pub(crate) fn introduce(&self, params: InitializeParams) {
        *lock(&self.0.client) = params.into();
    }

    /// What it hears of.
    pub(crate) fn listener(&self) -> &Listener {
        &self.0.listener
    }

    pub(crate) fn log_level(&self) -> Option<LogLevel> {
        *lock(&self.0.log_level)
    }

    pub(crate) fn set_log_level(&self, level: LogLevel) {
        *lock(&self.0.log_level) = Some(level);
    }
}
