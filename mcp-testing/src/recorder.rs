#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
        ElicitResult, ListRootsResult, ProgressNotificationParam, ProgressToken,
    },
    service::{NotificationContext, RequestContext},
};

use crate::answers::Answers;

/// A client that remembers the progress it is told of.
#[derive(Debug)]
pub(crate) struct Recorder {
    info: ClientConfig,
    progress: Mutex<HashMap<ProgressToken, Vec<ProgressNotificationParam>>>,
    answers: Mutex<Answers>,
}

impl Recorder {
    pub(crate) fn new(info: ClientConfig) -> Self {
        Self { info, progress: Mutex::default(), answers: Mutex::default() }
    }

    /// How to answer what the server asks.
    pub(crate) fn answers(&self) -> Answers {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_answers(&self, answers: Answers) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
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

    fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> impl Future<Output = Result<ElicitResult, ErrorData>> + Send + '_ {
        std::future::ready(self.answers().elicit(request))
    }

    fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> impl Future<Output = Result<CreateMessageResult, ErrorData>> + Send + '_ {
        std::future::ready(self.answers().sample(params))
    }

    fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> impl Future<Output = Result<ListRootsResult, ErrorData>> + Send + '_ {
        std::future::ready(self.answers().roots())
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
