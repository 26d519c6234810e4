#![expect(deprecated, reason = "legacy sessions log through the engine, which calls it deprecated")]

use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
};

use rmcp::{RoleServer, model::LoggingMessageNotificationParam, service::Peer};
use serde_json::Value;

use crate::LogLevel;

/// What log messages a legacy session wants: none until it asks with `logging/setLevel`, as
/// modern requests that ask for none get none.
#[derive(Debug, Default)]
pub(super) struct SessionLog {
    level: Mutex<Option<LogLevel>>,
}

impl SessionLog {
    pub(super) fn level(&self) -> Option<LogLevel> {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_level(&self, level: LogLevel) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }

    pub(super) async fn send(
        &self,
        client: &Peer<RoleServer>,
        level: LogLevel,
        logger: Cow<'static, str>,
        data: Value,
    ) {
        // The client may have asked for less since the call began.
        if self.level().is_none_or(|wanted| level < wanted) {
            return;
        }
        let params = LoggingMessageNotificationParam::new(level.into(), data).with_logger(logger);
        // An error means that the client is gone; the engine cancels the call.
        let _ = client.notify_logging_message(params).await;
    }
}
