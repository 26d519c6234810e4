use std::{error::Error, fmt};

/// No connection to another server could be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {remote}: {reason}")]
pub struct ConnectError {
    remote: String,
    reason: Reason,
}

#[derive(Debug)]
pub(crate) enum Reason {
    /// It took longer than it may.
    TimedOut(std::time::Duration),
    /// The last attempt failed a moment ago, and the next is not due.
    Waiting,
    /// Neither `http:` nor `https:`, or `https:` without the feature for it.
    Url(&'static str),
    Other(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(limit) => write!(f, "it took longer than {limit:?}"),
            Self::Waiting => f.write_str("the last attempt has failed and the next is not due yet"),
            Self::Url(problem) => f.write_str(problem),
            Self::Other(error) => {
                write!(f, "{error}")?;
                let mut source = error.source();
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
        }
    }
}

impl ConnectError {
    pub(crate) fn new(remote: impl fmt::Display, reason: Reason) -> Self {
        Self { remote: remote.to_string(), reason }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Reason {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}
