use std::{collections::BTreeSet, sync::Arc};

/// Who is calling, as a transport's authentication has established it.
///
/// Bindings put it into [`Request::extensions`](crate::Request::extensions); a tool reads it
/// with [`ToolContext::principal`](crate::ToolContext::principal). A request without one comes
/// from a transport that does not authenticate, such as stdio or HTTP on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    subject: Arc<str>,
    scopes: Arc<BTreeSet<Box<str>>>,
}

impl Principal {
    /// A caller known by a stable identifier, allowed the given scopes.
    pub fn new<I>(subject: impl Into<Arc<str>>, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Box<str>>,
    {
        Self {
            subject: subject.into(),
            scopes: Arc::new(scopes.into_iter().map(Into::into).collect()),
        }
    }

    /// The stable identifier: a JWT's `sub`, an API key's name, an IAM ARN.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// All scopes that the caller was granted.
    pub fn scopes(&self) -> &BTreeSet<Box<str>> {
        &self.scopes
    }

    /// Whether the caller was granted this scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }
}
