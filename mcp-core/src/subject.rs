use std::sync::{Arc, OnceLock};

use crate::{Principal, RpcError, asking::Seal};

/// What a request acts on, as logs and errors name it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) kind: SubjectKind,
    /// A tool's or prompt's name, a resource's URI, a template's text.
    pub(crate) name: String,
    pub(crate) pack: Arc<str>,
    /// What a caller must have been granted.
    pub(crate) scopes: Vec<&'static str>,
    /// The server's, once it is built.
    seal: OnceLock<Arc<Seal>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    Tool,
    Resource,
    Prompt,
}

impl Subject {
    pub(crate) fn new(
        kind: SubjectKind,
        name: &str,
        pack: Arc<str>,
        scopes: Vec<&'static str>,
    ) -> Arc<Self> {
        Arc::new(Self { kind, name: name.to_owned(), pack, scopes, seal: OnceLock::new() })
    }

    /// Whether a caller may act on it.
    pub(crate) fn admit(&self, caller: &Principal) -> Result<(), RpcError> {
        match self.scopes.iter().find(|scope| !caller.has_scope(scope)) {
            None => Ok(()),
            Some(lacking) => Err(RpcError::forbidden(&self.name, &self.scopes, lacking)),
        }
    }

    /// What keeps the state of those who have to ask their client first.
    pub(crate) fn seal(&self) -> Option<&Seal> {
        self.seal.get().map(|seal| &**seal)
    }

    pub(crate) fn set_seal(&self, seal: &Arc<Seal>) {
        // A pack goes into one server.
        let _ = self.seal.set(Arc::clone(seal));
    }
}

impl SubjectKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }
}
