use std::sync::{Arc, OnceLock};

use crate::asking::Seal;

/// What a request acts on, as logs and errors name it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) kind: SubjectKind,
    /// A tool's or prompt's name, a resource's URI, a template's text.
    pub(crate) name: String,
    pub(crate) pack: Arc<str>,
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
    pub(crate) fn new(kind: SubjectKind, name: &str, pack: Arc<str>) -> Arc<Self> {
        Arc::new(Self { kind, name: name.to_owned(), pack, seal: OnceLock::new() })
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
