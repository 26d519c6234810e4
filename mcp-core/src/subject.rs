use std::sync::Arc;

/// What a request acts on, as logs and errors name it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) kind: SubjectKind,
    /// A tool's or prompt's name, a resource's URI, a template's text.
    pub(crate) name: String,
    pub(crate) pack: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    Tool,
    Resource,
    Prompt,
}

impl Subject {
    pub(crate) fn new(kind: SubjectKind, name: &str, pack: Arc<str>) -> Arc<Self> {
        Arc::new(Self { kind, name: name.to_owned(), pack })
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
