use serde::{Deserialize, Serialize};

/// The severity of a log message, from RFC 5424, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Detailed debugging information.
    Debug,
    /// General informational messages.
    Info,
    /// Normal but significant events.
    Notice,
    /// Warning conditions.
    Warning,
    /// Error conditions.
    Error,
    /// Critical conditions.
    Critical,
    /// Action must be taken immediately.
    Alert,
    /// The system is unusable.
    Emergency,
}

// The legacy engine calls logging deprecated, as the newest revision does; sessions still have it.
#[expect(deprecated, reason = "legacy sessions log through the engine")]
mod engine {
    use rmcp::model::LoggingLevel;

    use super::LogLevel;

    impl From<LoggingLevel> for LogLevel {
        fn from(level: LoggingLevel) -> Self {
            match level {
                LoggingLevel::Debug => Self::Debug,
                LoggingLevel::Info => Self::Info,
                LoggingLevel::Notice => Self::Notice,
                LoggingLevel::Warning => Self::Warning,
                LoggingLevel::Error => Self::Error,
                LoggingLevel::Critical => Self::Critical,
                LoggingLevel::Alert => Self::Alert,
                LoggingLevel::Emergency => Self::Emergency,
            }
        }
    }

    impl From<LogLevel> for LoggingLevel {
        fn from(level: LogLevel) -> Self {
            match level {
                LogLevel::Debug => Self::Debug,
                LogLevel::Info => Self::Info,
                LogLevel::Notice => Self::Notice,
                LogLevel::Warning => Self::Warning,
                LogLevel::Error => Self::Error,
                LogLevel::Critical => Self::Critical,
                LogLevel::Alert => Self::Alert,
                LogLevel::Emergency => Self::Emergency,
            }
        }
    }
}
