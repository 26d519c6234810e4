use std::{
    borrow::Cow,
    collections::HashMap,
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use super::{TaskInput, TaskRecord, TaskStore, TaskStoreError, store::update};

/// Joins a call to its task: what the tool says goes to the store, what the client answers comes
/// back.
#[derive(Debug, Default)]
pub(crate) struct TaskLink {
    state: Mutex<State>,
    /// There is something for the store.
    said: Notify,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    deadline: Option<Instant>,
    message: Option<Cow<'static, str>>,
    questions: Vec<(String, String)>,
    /// Questions whose answer nobody waits for any more.
    withdrawn: Vec<String>,
    waiting: HashMap<String, oneshot::Sender<String>>,
}

#[derive(Debug, Default)]
enum Phase {
    /// An ordinary call that may become a task.
    #[default]
    Call,
    /// The tool waits for the call to become a task.
    Wanted(Waker),
    Task,
}

impl TaskLink {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call is a task by now.
    pub(crate) fn is_task(&self) -> bool {
        matches!(self.state().phase, Phase::Task)
    }

    /// Whether the tool wants the call to become a task.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.state().phase, Phase::Wanted(_))
    }

    /// The call is a task from here on.
    pub(crate) fn begin(&self, limit: Duration) {
        let mut state = self.state();
        state.deadline = Some(Instant::now() + limit);
        if let Phase::Wanted(waker) = std::mem::replace(&mut state.phase, Phase::Task) {
            waker.wake();
        }
    }

    /// Waits until the call is a task.
    pub(crate) async fn become_task(&self) {
        poll_fn(|cx| {
            let mut state = self.state();
            if matches!(state.phase, Phase::Task) {
                return Poll::Ready(());
            }
            state.phase = Phase::Wanted(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// When the work will be cancelled, if the call is a task.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.state().deadline
    }

    /// Tells what is being done. A message that nobody has read yet is replaced.
    pub(crate) fn say(&self, message: Cow<'static, str>) {
        self.state().message = Some(message);
        self.said.notify_one();
    }

    /// Asks the client, and waits for its answer: both are JSON texts. The status is
    /// `input_required` meanwhile. Several questions may be open at once; dropping the future takes
    /// the question back.
    ///
    /// The key must be one that the call has not used before.
    pub(crate) async fn ask(&self, key: String, request: String) -> String {
        struct Open<'a>(&'a TaskLink, String);

        impl Drop for Open<'_> {
            fn drop(&mut self) {
                let mut state = self.0.state();
                // An answer has taken it away already.
                if state.waiting.remove(&self.1).is_some() {
                    state.withdrawn.push(std::mem::take(&mut self.1));
                    drop(state);
                    self.0.said.notify_one();
                }
            }
        }

        let answer = {
            let mut state = self.state();
            let (sender, answer) = oneshot::channel();
            state.questions.push((key.clone(), request));
            state.waiting.insert(key.clone(), sender);
            answer
        };
        let _open = Open(self, key);
        self.said.notify_one();
        match answer.await {
            Ok(answer) => answer,
            // The task is over, and so is the call: it is about to be dropped.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until there is something for the store.
    pub(crate) async fn said(&self) {
        self.said.notified().await;
    }

    /// Puts what the tool has said and asked into the store.
    pub(crate) async fn flush(
        &self,
        store: &dyn TaskStore,
        id: &str,
    ) -> Result<Option<std::sync::Arc<TaskRecord>>, TaskStoreError> {
        let (message, questions, withdrawn) = {
            let mut state = self.state();
            let questions = std::mem::take(&mut state.questions);
            (state.message.take(), questions, std::mem::take(&mut state.withdrawn))
        };
        let kept = update(store, id, |record| {
            if record.status.is_terminal() {
                return false;
            }
            if let Some(message) = &message {
                record.message = Some(message.clone().into_owned());
            }
            for (key, request) in &questions {
                let input = TaskInput { request: request.clone(), response: None };
                record.inputs.entry(key.clone()).or_insert(input);
            }
            for key in &withdrawn {
                record.inputs.remove(key);
            }
            record.settle_inputs();
            true
        })
        .await;
        if kept.is_err() {
            let mut state = self.state();
            state.message = state.message.take().or(message);
            state.questions.splice(0..0, questions);
            state.withdrawn.extend(withdrawn);
            drop(state);
            self.said.notify_one();
        }
        kept
    }

    /// Hands the client's answers to whoever waits for them.
    pub(crate) fn deliver(&self, record: &TaskRecord) {
        let mut state = self.state();
        if state.waiting.is_empty() {
            return;
        }
        for (key, input) in &record.inputs {
            if let Some(response) = &input.response
                && let Some(waiting) = state.waiting.remove(key)
            {
                // Who no longer waits has been dropped by the tool.
                let _ = waiting.send(response.clone());
            }
        }
    }
}
