//! What one call has asked, and has been told.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::value::RawValue;

use super::{Memory, seal::Binding};
use crate::{Request, RpcError};

/// The questions and the steps of one call. Made when the call first asks or takes a step.
pub(crate) struct Asking(Mutex<State>);

#[derive(Default)]
struct State {
    memory: Memory,
    /// How often each name has been given out.
    names: HashMap<String, usize>,
    /// What is being asked and has no answer.
    open: BTreeMap<String, Box<RawValue>>,
    /// How many steps are under way.
    running: usize,
    /// How many steps are being polled at this moment, one inside of the other.
    inside: usize,
    /// Why the call cannot go on, whatever else it asks.
    refusal: Option<RpcError>,
}

/// How a call ends that has no result.
pub(crate) enum Stop {
    /// It needs answers first.
    Asks { requests: Vec<(String, Box<RawValue>)>, memory: Memory, binding: Binding },
    /// It was given an answer that is none.
    Refused(RpcError),
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("memory", &self.lock().memory).finish_non_exhaustive()
    }
}

/// What a call knows of a question.
pub(super) enum Answer {
    /// The client has answered it in this request.
    Fresh(Box<RawValue>),
    /// It was answered earlier.
    Recorded(Box<RawValue>),
    None,
}

impl Asking {
    pub(crate) fn new(request: &Request) -> Self {
        let memory = request.extensions().get::<Memory>().cloned().unwrap_or_default();
        Self(Mutex::new(State { memory, ..State::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key of its own for each use of a name within a call: `name`, `name-2`, and so on.
    pub(super) fn key(&self, name: String) -> String {
        let mut state = self.lock();
        let count = state.names.entry(name.clone()).or_default();
        *count += 1;
        match *count {
            1 => name,
            count => format!("{name}-{count}"),
        }
    }

    /// Whether this is asked from within a step.
    pub(super) fn is_inside_a_step(&self) -> bool {
        self.lock().inside > 0
    }

    /// The answer to a question, if it is the answer to what is being asked now: a question that
    /// has changed since has none.
    pub(super) fn answer(&self, key: &str, digest: &str) -> Answer {
        let state = self.lock();
        if state.memory.asked.get(key).is_some_and(|asked| asked != digest) {
            return Answer::None;
        }
        match (state.memory.answers.get(key), state.memory.fresh.get(key)) {
            (Some(answer), _) => Answer::Recorded(answer.clone()),
            (None, Some(answer)) => Answer::Fresh(answer.clone()),
            (None, None) => Answer::None,
        }
    }

    /// Keeps an answer for the times to come.
    pub(super) fn record(&self, key: String, digest: String, answer: Box<RawValue>) {
        let memory = &mut self.lock().memory;
        memory.asked.insert(key.clone(), digest);
        memory.answers.insert(key, answer);
    }

    /// Asks, which ends the call as soon as it has nothing else to do. Dropping the future takes
    /// the question back.
    pub(super) async fn ask<T>(&self, key: String, digest: String, request: Box<RawValue>) -> T {
        struct Open<'a>(&'a Asking, String);

        impl Drop for Open<'_> {
            fn drop(&mut self) {
                self.0.lock().open.remove(&self.1);
            }
        }

        {
            let mut state = self.lock();
            state.memory.answers.remove(&key);
            state.memory.asked.insert(key.clone(), digest);
            state.open.insert(key.clone(), request);
        }
        let _open = Open(self, key);
        std::future::pending().await
    }

    /// Ends the call with an error, as soon as it has nothing else to do.
    pub(super) async fn refuse<T>(&self, error: RpcError) -> T {
        self.lock().refusal.get_or_insert(error);
        std::future::pending().await
    }

    /// What a finished step has come to.
    pub(super) fn step(&self, key: &str) -> Option<Box<RawValue>> {
        self.lock().memory.steps.get(key).cloned()
    }

    pub(super) fn record_step(&self, key: String, result: Box<RawValue>) {
        self.lock().memory.steps.insert(key, result);
    }

    /// Takes a step, which the call does not end before.
    pub(super) async fn run_step<F: Future>(&self, work: F) -> F::Output {
        struct Running<'a>(&'a Asking);

        impl Drop for Running<'_> {
            fn drop(&mut self) {
                self.0.lock().running -= 1;
            }
        }

        struct Inside<'a>(&'a Asking);

        // A step that panics leaves the step, too.
        impl Drop for Inside<'_> {
            fn drop(&mut self) {
                self.0.lock().inside -= 1;
            }
        }

        self.lock().running += 1;
        let _running = Running(self);
        let mut work = pin!(work);
        poll_fn(|cx| {
            self.lock().inside += 1;
            let _inside = Inside(self);
            work.as_mut().poll(cx)
        })
        .await
    }

    /// Whether a call that waits has to stop here.
    pub(crate) fn stop(&self, request: &Request) -> Option<Stop> {
        let mut state = self.lock();
        if state.running > 0 || (state.open.is_empty() && state.refusal.is_none()) {
            return None;
        }
        if let Some(error) = state.refusal.take() {
            return Some(Stop::Refused(error));
        }
        let binding = match Binding::of(request) {
            Ok(binding) => binding,
            Err(error) => return Some(Stop::Refused(error)),
        };
        let mut memory = std::mem::take(&mut state.memory);
        // Answered, but not reached this time.
        for (key, answer) in std::mem::take(&mut memory.fresh) {
            if memory.asked.contains_key(&key) && !state.open.contains_key(&key) {
                memory.answers.entry(key).or_insert(answer);
            }
        }
        let requests = state.open.iter().map(|(key, asked)| (key.clone(), asked.clone())).collect();
        Some(Stop::Asks { requests, memory, binding })
    }
}
