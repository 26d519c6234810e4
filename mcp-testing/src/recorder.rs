use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rmcp::{
    ClientHandler, RoleClient,
    model::{ClientConfig, ProgressNotificationParam, ProgressToken},
    service::NotificationContext,
};

/// A client that remembers the progress it is told of.
#[derive(Debug)]
pub(crate) struct Recorder {
    info: ClientConfig,
    progress: Mutex<HashMap<ProgressToken, Vec<ProgressNotificationParam>>>,
}

impl Recorder {
    pub(crate) fn new(info: ClientConfig) -> Self {
        Self { info, progress: Mutex::default() }
    }

    /// What has been said of one call, removed.
    pub(crate) fn take(&self, token: &ProgressToken) -> Vec<ProgressNotificationParam> {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(token)
            .unwrap_or_default()
    }
}

impl ClientHandler for Recorder {
    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }

    fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(params.progress_token.clone())
            .or_default()
            .push(params);
        std::future::ready(())
    }
}
