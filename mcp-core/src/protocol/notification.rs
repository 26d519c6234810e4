use std::borrow::Cow;

use serde_json::Value;

use super::{LogLevel, ProgressToken};
use crate::{SubscriptionNotification, json_text};

/// What a request's answer tells the client before the result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notification {
    /// `notifications/progress`
    Progress {
        /// The token that the client sent along with its request.
        token: ProgressToken,
        /// How far the work is; grows with each notification of a call.
        progress: f64,
        /// The value of `progress` at the end, if known.
        total: Option<f64>,
        /// What is being done, for people.
        message: Option<Cow<'static, str>>,
    },
    /// `notifications/message`
    Log {
        /// The severity.
        level: LogLevel,
        /// The tool that logs.
        logger: Cow<'static, str>,
        /// Any JSON.
        data: Value,
    },
    /// What a `subscriptions/listen` stream tells.
    Subscription(SubscriptionNotification),
}

impl Notification {
    /// The notification as a JSON-RPC message, without a line break.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        self.write_to(&mut out);
        out
    }

    /// Appends what [`Self::to_bytes`] returns.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        // Serializing into memory does not fail.
        match self {
            Self::Progress { token, progress, total, message } => {
                out.extend_from_slice(
                    br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"#,
                );
                token.write(out);
                out.extend_from_slice(br#","progress":"#);
                write_number(out, *progress);
                if let Some(total) = total {
                    out.extend_from_slice(br#","total":"#);
                    write_number(out, *total);
                }
                if let Some(message) = message {
                    out.extend_from_slice(br#","message":"#);
                    json_text::write(message, out);
                }
            }
            Self::Log { level, logger, data } => {
                out.extend_from_slice(
                    br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"#,
                );
                let _ = serde_json::to_writer(&mut *out, level);
                out.extend_from_slice(br#","logger":"#);
                let _ = serde_json::to_writer(&mut *out, logger);
                out.extend_from_slice(br#","data":"#);
                let _ = serde_json::to_writer(&mut *out, data);
            }
            Self::Subscription(notification) => notification.write_to(out),
        }
        out.extend_from_slice(b"}}");
    }
}

/// Whole numbers without a fraction, as people write them.
fn write_number(out: &mut Vec<u8>, number: f64) {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        let _ = serde_json::to_writer(out, &(number as i64));
    } else {
        let _ = serde_json::to_writer(out, &number);
    }
}
