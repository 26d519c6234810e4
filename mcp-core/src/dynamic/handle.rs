use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::{BuildError, server::Dynamic, subscription::Change, tool::PackParts};

/// Where what is added goes: into a pack before its server is built, into the server from then on.
pub(crate) struct Handle<S> {
    kind: Change,
    state: Arc<Mutex<State<S>>>,
}

enum State<S> {
    Unbuilt(Vec<Item<S>>),
    Built(Place<S>),
}

/// What was added before the server was built.
struct Item<S> {
    key: String,
    bind: Bind<S>,
}

/// Makes a part of a pack that consists of the one thing.
pub(crate) type Bind<S> = Box<dyn FnOnce(&Place<S>, Arc<S>) -> PackParts + Send>;

/// A place in a running server. Whatever keeps the handle, such as a state of tools, does not keep
/// the server.
pub(crate) struct Place<S> {
    pub(crate) pack: Arc<str>,
    pub(crate) namespace: Option<Arc<str>>,
    state: Weak<S>,
    server: Weak<Dynamic>,
    slot: usize,
}

/// Takes a place in a server that is being built, in the slot of the handle's pack.
pub(crate) struct Attachment {
    pub(crate) kind: Change,
    pub(crate) attach: Attach,
}

type Attach = Box<dyn FnOnce(&Arc<Dynamic>, usize) -> Result<(), BuildError> + Send>;

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self { kind: self.kind.clone(), state: Arc::clone(&self.state) }
    }
}

impl<S: Send + Sync + 'static> Handle<S> {
    /// `kind` is the list that changes.
    pub(crate) fn new(kind: Change) -> Self {
        Self { kind, state: Arc::new(Mutex::new(State::Unbuilt(Vec::new()))) }
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what can be removed under the key.
    pub(crate) fn add(&self, key: &str, bind: Bind<S>) -> Result<(), BuildError> {
        match &mut *self.state() {
            State::Unbuilt(items) => {
                items.push(Item { key: key.to_owned(), bind });
                Ok(())
            }
            State::Built(place) => place.add(key, bind, &self.kind),
        }
    }

    pub(crate) fn remove(&self, key: &str) -> bool {
        let (server, slot) = match &mut *self.state() {
            State::Unbuilt(items) => {
                let before = items.len();
                items.retain(|item| item.key != key);
                return items.len() < before;
            }
            State::Built(place) => (place.server.upgrade(), place.slot),
        };
        server.is_some_and(|server| server.remove(slot, &self.kind, key))
    }

    /// Gives the handle its place in a pack.
    pub(crate) fn attach(
        &self,
        pack: Arc<str>,
        namespace: Option<Arc<str>>,
        state: &Arc<S>,
    ) -> Attachment {
        let (handle, state) = (self.clone(), Arc::downgrade(state));
        let attach = move |server: &Arc<Dynamic>, slot| {
            let place = Place { pack, namespace, state, server: Arc::downgrade(server), slot };
            handle.settle(place)
        };
        Attachment { kind: self.kind.clone(), attach: Box::new(attach) }
    }

    fn settle(&self, place: Place<S>) -> Result<(), BuildError> {
        let mut state = self.state();
        match &mut *state {
            State::Unbuilt(items) => {
                for Item { key, bind } in std::mem::take(items) {
                    place.add(&key, bind, &self.kind)?;
                }
                *state = State::Built(place);
                Ok(())
            }
            State::Built(other) => Err(BuildError::DynamicTwice {
                first: other.pack.to_string(),
                second: place.pack.to_string(),
            }),
        }
    }
}

impl<S> Place<S> {
    /// The name that something of the pack has in the server.
    pub(crate) fn name(&self, name: &str) -> Option<String> {
        self.namespace.as_ref().map(|namespace| format!("{namespace}_{name}"))
    }

    fn add(&self, key: &str, bind: Bind<S>, kind: &Change) -> Result<(), BuildError> {
        // Nobody is left to call what is added to a server that is gone.
        let (Some(server), Some(state)) = (self.server.upgrade(), self.state.upgrade()) else {
            return Ok(());
        };
        server.add(self.slot, kind, key, bind(self, state))
    }
}
