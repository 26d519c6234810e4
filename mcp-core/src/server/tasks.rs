//! The tasks of a server: calls that become tasks, and `tasks/get`, `tasks/update` and
//! `tasks/cancel` (SEP-2663).

mod watch;

use std::{collections::BTreeMap, error::Error, future::poll_fn, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    Response, ResponseFuture, ResultBody,
    call::{self, Work},
};
use crate::{
    Era, ErrorKind, Method, Principal, Request, RpcError,
    task::{
        TaskLink, TaskOptions, TaskRecord, TaskStatus, TaskStore, TaskStoreError, TaskSupport,
        TaskWork, update,
    },
    tool::ErasedTool,
};

pub(crate) use self::watch::{TaskWatch, Watching};

/// The extension's identifier.
pub(super) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// How long after it was due a task counts as failed although nobody has said so, because whoever
/// worked on it is gone.
const OVERDUE: Duration = Duration::from_secs(60);
/// How long to wait after a store has failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often a change is offered to a store that fails.
const ATTEMPTS: usize = 5;

/// What the calls of one server need to become tasks.
pub(super) struct Tasks(TaskOptions);

/// How a call becomes a task if its tool wants it to.
pub(super) struct Handover {
    tasks: Arc<Tasks>,
    limit: Duration,
    link: Arc<TaskLink>,
    request: Request,
}

impl Tasks {
    pub(super) fn new(options: TaskOptions) -> Arc<Self> {
        Arc::new(Self(options))
    }

    /// Calls a tool that supports tasks.
    pub(super) fn call(
        self: &Arc<Self>,
        tool: &Arc<ErasedTool>,
        timeout: Duration,
        mut request: Request,
    ) -> ResponseFuture {
        let known = request.era() == Era::Modern && knows_tasks(&request);
        match tool.definition.task {
            TaskSupport::Required if !known => Response::error(missing_capability()).into(),
            TaskSupport::OnDemand if known => {
                let link = Arc::new(TaskLink::default());
                request.link_to_task(Arc::clone(&link));
                let (tasks, limit) = (Arc::clone(self), self.limit(tool));
                let handover = Handover { tasks, limit, link, request: request.clone() };
                match prepare(tool, timeout, request) {
                    Ok(call) => call.with_handover(handover).into(),
                    Err(response) => response.into(),
                }
            }
            TaskSupport::Optional | TaskSupport::Required if known => {
                match self.prepare(tool, request) {
                    Ok((call, link, request)) => {
                        let limit = self.limit(tool);
                        ResponseFuture::boxed(Arc::clone(self).begin(call, limit, link, request))
                    }
                    // The model can mend its arguments before there is a task.
                    Err(response) => response.into(),
                }
            }
            _ => match prepare(tool, timeout, request) {
                Ok(call) => call.into(),
                Err(response) => response.into(),
            },
        }
    }

    /// The work of a task that another process has begun.
    pub(super) fn resume(
        &self,
        tool: &Arc<ErasedTool>,
        id: &str,
        request: Request,
    ) -> Result<TaskWork, RpcError> {
        match self.prepare(tool, request) {
            Ok((call, link, request)) => {
                let (store, id) = (Arc::clone(&self.0.store), id.to_owned());
                let task = id.clone();
                let work = work(Arc::clone(&store), id.clone(), call, link);
                Ok(TaskWork::new(id, request, async move {
                    if claim(&*store, &task).await? { work.await } else { Ok(()) }
                }))
            }
            Err(response) => Err(match response.into_result() {
                Err(error) => error,
                Ok(_) => RpcError::new(ErrorKind::InvalidParams, "the arguments do not fit"),
            }),
        }
    }

    /// A call that is a task from the start.
    fn prepare(
        &self,
        tool: &Arc<ErasedTool>,
        mut request: Request,
    ) -> Result<(Work, Arc<TaskLink>, Request), Response> {
        let limit = self.limit(tool);
        let link = Arc::new(TaskLink::default());
        link.begin(limit);
        request.link_to_task(Arc::clone(&link));
        // The protocol has neither progress nor log messages for tasks.
        request.silence();
        let kept = request.clone();
        Ok((prepare(tool, limit, request)?, link, kept))
    }

    /// Has a task fail that nobody will work on any more.
    pub(super) async fn give_up(&self, id: &str) -> Result<(), TaskStoreError> {
        let (error, store) = (gave_up(), &*self.0.store);
        persist(|| update(store, id, |record| record.fail(&error))).await.map(drop)
    }

    /// How long the work of a tool's task may take.
    fn limit(&self, tool: &ErasedTool) -> Duration {
        tool.definition.timeout.unwrap_or(self.0.ttl)
    }

    /// Makes the task, hands its work over, and answers with its handle.
    async fn begin(
        self: Arc<Self>,
        call: Work,
        limit: Duration,
        link: Arc<TaskLink>,
        request: Request,
    ) -> Response {
        let record = TaskRecord::new(
            request.extensions().get::<Principal>().map(|caller| caller.subject().to_owned()),
            call.name().to_owned(),
            limit,
            self.0.ttl,
            self.0.poll_interval,
        );
        let record = match record {
            Ok(record) => Arc::new(record),
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "the system has no random numbers");
                return Response::error(RpcError::new(ErrorKind::Internal, "internal error"));
            }
        };
        if let Err(error) = self.0.store.create(Arc::clone(&record)).await {
            return Response::error(refused(error));
        }
        let work = self.work(record.id.clone(), call, link, request);
        if let Err(error) = self.0.runner.run(work).await {
            tracing::error!(error = &*error as &dyn Error, "nobody does the work of a task");
            let error = RpcError::new(ErrorKind::Internal, "the work could not be begun");
            // If this is not kept either, the task fails when it is due.
            let _ = update(&*self.0.store, &record.id, |record| record.fail(&error)).await;
            return Response::error(error);
        }
        let mut members = Vec::with_capacity(256);
        members.extend_from_slice(br#""resultType":"task","#);
        record.write_task(&mut members);
        Response::members(members)
    }

    fn work(&self, id: String, call: Work, link: Arc<TaskLink>, request: Request) -> TaskWork {
        let work = work(Arc::clone(&self.0.store), id.clone(), call, link);
        TaskWork::new(id, request, work)
    }

    /// Answers `tasks/get`, `tasks/update` and `tasks/cancel`.
    pub(super) fn answer(self: &Arc<Self>, request: Request) -> ResponseFuture {
        if !knows_tasks(&request) {
            return Response::error(missing_capability()).into();
        }
        let tasks = Arc::clone(self);
        ResponseFuture::boxed(async move {
            let answer = match request.method() {
                Method::GetTask => tasks.get(&request).await,
                Method::UpdateTask => tasks.update(&request).await,
                _ => tasks.cancel(&request).await,
            };
            answer.map_or_else(Response::error, Response::members)
        })
    }

    async fn get(&self, request: &Request) -> Result<Vec<u8>, RpcError> {
        let record = self.find(request).await?;
        let mut members = Vec::with_capacity(320 + record.outcome.as_ref().map_or(0, String::len));
        members.extend_from_slice(br#""resultType":"complete","#);
        record.write_detailed(&mut members);
        Ok(members)
    }

    async fn update(&self, request: &Request) -> Result<Vec<u8>, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params {
            input_responses: BTreeMap<String, Box<RawValue>>,
        }
        let id = self.find(request).await?.id.clone();
        let Params { input_responses } = request.params()?;
        update(&*self.0.store, &id, |record| {
            let mut answered = false;
            for (key, response) in &input_responses {
                // What was never asked, or is answered already, is ignored.
                if let Some(input) = record.inputs.get_mut(key)
                    && input.response.is_none()
                    && !record.status.is_terminal()
                {
                    input.response = Some(response.get().to_owned());
                    answered = true;
                }
            }
            record.settle_inputs();
            answered
        })
        .await
        .map_err(refused)?;
        Ok(ACKNOWLEDGED.to_vec())
    }

    async fn cancel(&self, request: &Request) -> Result<Vec<u8>, RpcError> {
        let id = self.find(request).await?.id.clone();
        // Whoever works on it drops the work when it sees this.
        update(&*self.0.store, &id, |record| {
            let cancels = !record.status.is_terminal();
            if cancels {
                record.status = TaskStatus::Cancelled;
                record.message = Some("The client cancelled the task.".to_owned());
            }
            cancels
        })
        .await
        .map_err(refused)?;
        Ok(ACKNOWLEDGED.to_vec())
    }

    /// The caller's task that a request names.
    async fn find(&self, request: &Request) -> Result<Arc<TaskRecord>, RpcError> {
        let id = request.name().ok_or_else(|| {
            RpcError::new(ErrorKind::MalformedParams, "`params.taskId` is missing")
        })?;
        let caller = request.extensions().get::<Principal>().map(Principal::subject);
        self.get_of(id, caller).await.map_err(refused)?.ok_or_else(|| {
            RpcError::new(ErrorKind::InvalidParams, "no such task, or it has expired")
        })
    }

    /// A task of a caller. One of somebody else is as unknown as one that never was.
    async fn get_of(
        &self,
        id: &str,
        caller: Option<&str>,
    ) -> Result<Option<Arc<TaskRecord>>, TaskStoreError> {
        let record = self.0.store.get(id).await?;
        let record = record
            .filter(|record| record.owner.as_deref() == caller)
            .filter(|record| !record.is_over(record.expires_ms(), Duration::ZERO));
        match record {
            Some(record) => Ok(Some(self.settle(record).await?)),
            None => Ok(None),
        }
    }

    /// Has a task that should have ended long ago count as failed.
    async fn settle(&self, record: Arc<TaskRecord>) -> Result<Arc<TaskRecord>, TaskStoreError> {
        if record.status.is_terminal() || !record.is_over(record.due_ms, OVERDUE) {
            return Ok(record);
        }
        let abandoned = RpcError::new(ErrorKind::DeadlineExceeded, "the work did not end in time");
        let id = &*record.id;
        let failed = update(&*self.0.store, id, |record| record.fail(&abandoned)).await?;
        Ok(failed.unwrap_or(record))
    }
}

/// How often the work of a task is begun that processes die of, the first time among them: as often as
/// AWS Lambda tries an asynchronous invocation.
const MOST_ATTEMPTS: u32 = 3;

/// Counts an attempt at the work, and says whether it is to be made: not where the task has ended,
/// or has been tried too often.
async fn claim(store: &dyn TaskStore, id: &str) -> Result<bool, TaskStoreError> {
    let gave_up = gave_up();
    let claimed = persist(|| {
        update(store, id, |record| {
            if record.status.is_terminal() {
                return false;
            }
            record.attempts += 1;
            if record.attempts > MOST_ATTEMPTS {
                record.fail(&gave_up);
            } else {
                // Of the attempt before this one, whose questions nobody waits for.
                record.inputs.clear();
                record.settle_inputs();
            }
            true
        })
    });
    Ok(claimed.await?.is_some_and(|record| !record.status.is_terminal()))
}

/// What a task fails with whose work processes have died of.
fn gave_up() -> RpcError {
    RpcError::new(
        ErrorKind::Internal,
        format!("the work was begun {MOST_ATTEMPTS} times and never ended"),
    )
}

/// Tries a change again while the store fails, for some seconds.
async fn persist<T, F>(mut change: impl FnMut() -> F) -> Result<T, TaskStoreError>
where
    F: Future<Output = Result<T, TaskStoreError>>,
{
    for attempt in 1..ATTEMPTS {
        match change().await {
            Ok(changed) => return Ok(changed),
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, attempt, "the store of tasks failed");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
    change().await
}

/// What a server says that has understood.
const ACKNOWLEDGED: &[u8] = br#""resultType":"complete""#;

fn prepare(tool: &Arc<ErasedTool>, timeout: Duration, request: Request) -> Result<Work, Response> {
    call::prepare(&tool.subject, timeout, request, |request| tool.call(request, timeout))
}

pub(super) fn knows_tasks(request: &Request) -> bool {
    request.meta().client_capabilities().is_some_and(|client| client.supports_tasks())
}

pub(super) fn missing_capability() -> RpcError {
    RpcError::new(
        ErrorKind::MissingClientCapability,
        format!("missing required client capability: the extension {EXTENSION}"),
    )
    .with_data(json!({ "requiredCapabilities": { "extensions": { (EXTENSION): {} } } }))
}

/// What a store's error means to the caller.
fn refused(error: TaskStoreError) -> RpcError {
    match error {
        TaskStoreError::Full => RpcError::new(
            ErrorKind::Overloaded,
            "the server has too many tasks under way; try again later",
        ),
        error => {
            tracing::error!(error = &error as &dyn Error, "the store of tasks failed");
            RpcError::new(
                ErrorKind::Overloaded,
                "the store of tasks cannot be reached; try again later",
            )
        }
    }
}

impl Handover {
    /// Whether the tool wants the call to become a task.
    pub(super) fn is_wanted(&self) -> bool {
        self.link.is_wanted()
    }

    /// How long the call may take as a task.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    pub(super) fn begin(self, call: Work) -> impl Future<Output = Response> + Send {
        let Self { tasks, limit, link, request } = self;
        link.begin(limit);
        tasks.begin(call, limit, link, request)
    }
}

/// Does a task's work and tells the store of it.
///
/// The error is the store's, which then does not know the outcome.
async fn work(
    store: Arc<dyn TaskStore>,
    id: String,
    mut call: Work,
    link: Arc<TaskLink>,
) -> Result<(), TaskStoreError> {
    let response = tokio::select! {
        biased;
        response = poll_fn(|cx| call.poll(cx)) => response,
        // Dropping the call drops the work.
        () = keep(&*store, &id, &link) => return Ok(()),
    };
    let outcome = match response.into_result() {
        Ok(ResultBody::Tool(result)) => {
            let mut text = br#"{"resultType":"complete","#.to_vec();
            result.write_members(Era::Modern, &mut text);
            text.push(b'}');
            String::from_utf8(text)
                .map_err(|_| RpcError::new(ErrorKind::Internal, "internal error"))
        }
        Ok(_) => Err(RpcError::new(ErrorKind::Internal, "internal error")),
        Err(error) => Err(error),
    };
    let kept = persist(|| {
        update(&*store, &id, |record| match &outcome {
            Ok(result) => record.complete(result),
            Err(error) => record.fail(error),
        })
    });
    kept.await.map(drop).inspect_err(|error| {
        tracing::error!(error = error as &dyn Error, "a task's outcome could not be kept");
    })
}

/// Carries what is said between a task's work and the store, until the task is no longer wanted.
async fn keep(store: &dyn TaskStore, id: &str, link: &TaskLink) {
    let mut version = 0;
    loop {
        let kept = tokio::select! {
            () = link.said() => link.flush(store, id).await,
            kept = store.changed(id, version) => kept,
        };
        match kept {
            Ok(Some(record)) if !record.status.is_terminal() => {
                version = record.version;
                link.deliver(&record);
            }
            Ok(_) => return,
            Err(error) => {
                tracing::error!(error = &error as &dyn Error, "the store of tasks failed");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}
