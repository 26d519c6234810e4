#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
        ElicitResult, JsonRpcMessage, ListRootsResult, ProgressNotificationParam, ProgressToken,
        ResourceUpdatedNotificationParam, ServerNotification,
    },
    service::{NotificationContext, RequestContext, RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{answers::Answers, changes::Changed};

/// What has been told of each call, in the order of the wire.
pub(crate) type Progress = Arc<Mutex<HashMap<ProgressToken, Vec<ProgressNotificationParam>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transport that notes down progress as it arrives.
///
/// The client's engine hands each notification to a task of its own, and a response may overtake
/// those that came before it. Here nothing overtakes.
pub(crate) struct Recording<T> {
    transport: T,
    progress: Progress,
}

impl<T> Recording<T> {
    pub(crate) fn new(transport: T, progress: Progress) -> Self {
        Self { transport, progress }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Recording<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        self.transport.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let message = self.transport.receive().await?;
        if let JsonRpcMessage::Notification(notification) = &message
            && let ServerNotification::ProgressNotification(progress) = &notification.notification
        {
            let params = progress.params.clone();
            lock(&self.progress).entry(params.progress_token.clone()).or_default().push(params);
        }
        Some(message)
    }

    async fn close(&mut self) -> Result<(), T::Error> {
        self.transport.close().await
    }
}

/// A client that answers what it is asked, and remembers the progress it is told of.
#[derive(Debug)]
pub(crate) struct Recorder {
    info: ClientConfig,
    progress: Progress,
    answers: Mutex<Answers>,
    changes: Mutex<Option<UnboundedSender<Changed>>>,
}

impl Recorder {
    pub(crate) fn new(info: ClientConfig, progress: Progress) -> Self {
        Self { info, progress, answers: Mutex::default(), changes: Mutex::default() }
    }

    /// How to answer what the server asks.
    pub(crate) fn answers(&self) -> Answers {
        lock(&self.answers).clone()
    }

    pub(crate) fn set_answers(&self, answers: Answers) {
        *lock(&self.answers) = answers;
    }

    /// What the server tells by itself from now on.
    pub(crate) fn changes(&self) -> UnboundedReceiver<Changed> {
        let (sender, receiver) = unbounded_channel();
        *lock(&self.changes) = Some(sender);
        receiver
    }

    fn note(&self, changed: Changed) {
        if let Some(changes) = &*lock(&self.changes) {
            // Who no longer listens has dropped the other end.
            let _ = changes.send(changed);
        }
    }

    /// What has been said of one call, removed.
    pub(crate) fn take(&self, token: &ProgressToken) -> Vec<ProgressNotificationParam> {
        lock(&self.progress).remove(token).unwrap_or_default()
    }
}

impl ClientHandler for Recorder {
    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }

    fn on_tool_list_changed(
        &self,
        _context: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.note(Changed::Tools);
        std::future::ready(())
    }

    fn on_prompt_list_changed(
        &self,
        _context: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.note(Changed::Prompts);
        std::future::ready(())
    }

    fn on_resource_list_changed(
        &self,
        _context: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.note(Changed::Resources);
        std::future::ready(())
    }

    fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        self.note(Changed::Resource(params.uri));
        std::future::ready(())
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
}
