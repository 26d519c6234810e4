use std::{borrow::Cow, error::Error, fmt};

use crate::RpcError;

/// What a tool's work comes to.
pub type ToolResult<T> = Result<T, ToolError>;

/// Why a tool could not do what it was asked, in terms that do not depend on the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToolErrorKind {
    /// The arguments satisfy the schema but make no sense together.
    InvalidArguments,
    /// Something that the arguments name does not exist.
    NotFound,
    /// The caller may not have this.
    PermissionDenied,
    /// Something that the tool depends on does not answer; a later call may succeed.
    Unavailable,
    /// The tool asks its client something that the client cannot be asked.
    ClientLacksCapability,
    /// The tool failed in a way that its author did not foresee.
    Internal,
}

impl ToolErrorKind {
    /// A short name for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::NotFound => "not_found",
            Self::PermissionDenied => "permission_denied",
            Self::Unavailable => "unavailable",
            Self::ClientLacksCapability => "client_lacks_capability",
            Self::Internal => "internal",
        }
    }
}

/// A failure that the model is told about, with what it is told kept apart from what the
/// operator is told.
///
/// `message` is for the model: what went wrong and what to do instead. `source` is for the
/// operator's log and never leaves the server. `?` on any error makes it a source and tells the
/// model nothing of its text; [`OrToolError`] adds a message.
///
/// This type is deliberately not a [`std::error::Error`], so that `?` works on all that are.
#[derive(Debug)]
pub struct ToolError {
    kind: ToolErrorKind,
    message: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
    rpc: Option<Box<RpcError>>,
}

impl ToolError {
    /// A failure with a message for the model.
    pub fn new(kind: ToolErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None, rpc: None }
    }

    /// A failure that the client is told as a JSON-RPC error, not as an answer for the model: the
    /// request should never have been made, or another server has refused it.
    pub fn rpc(error: RpcError) -> Self {
        let message = error.message().to_owned();
        Self { rpc: Some(Box::new(error)), ..Self::new(ToolErrorKind::Internal, message) }
    }

    pub(crate) fn with_kind(mut self, kind: ToolErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds what the operator should know.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ToolErrorKind {
        self.kind
    }

    /// The text for the model.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn as_rpc(&self) -> Option<&RpcError> {
        self.rpc.as_deref()
    }

    /// What the operator is told, if anything.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ToolError {
    fn from(source: E) -> Self {
        Self::new(ToolErrorKind::Internal, "this failed unexpectedly; the server's log tells why")
            .with_source(source)
    }
}

/// Tells the model something about a failure whose own text it must not see.
pub trait OrToolError<T> {
    /// Makes a failure of this kind with this message; the original error becomes the source.
    ///
    /// # Errors
    ///
    /// Where `self` is an error or absent.
    fn or_tool_error(
        self,
        kind: ToolErrorKind,
        message: impl Into<Cow<'static, str>>,
    ) -> ToolResult<T>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrToolError<T> for Result<T, E> {
    fn or_tool_error(
        self,
        kind: ToolErrorKind,
        message: impl Into<Cow<'static, str>>,
    ) -> ToolResult<T> {
        self.map_err(|source| ToolError::new(kind, message).with_source(source))
    }
}

impl<T> OrToolError<T> for Option<T> {
    fn or_tool_error(
        self,
        kind: ToolErrorKind,
        message: impl Into<Cow<'static, str>>,
    ) -> ToolResult<T> {
        self.ok_or_else(|| ToolError::new(kind, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_mark_hides_the_text_from_the_model() {
        fn fails() -> ToolResult<()> {
            Err(std::io::Error::other("password=hunter2"))?
        }
        let error = fails().unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::Internal);
        assert!(!error.message().contains("hunter2"));
        assert!(error.source().unwrap().to_string().contains("hunter2"));
    }

    #[test]
    fn or_tool_error_keeps_the_source() {
        let error = Err::<(), _>(std::io::Error::other("refused"))
            .or_tool_error(ToolErrorKind::Unavailable, "the data cannot be read now")
            .unwrap_err();
        assert_eq!(error.to_string(), "the data cannot be read now");
        assert_eq!(error.source().unwrap().to_string(), "refused");
    }
}
