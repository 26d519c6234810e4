use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
};

use crate::{ErrorKind, RpcError};

/// How much memory all listeners together take for what they want to hear of, in bytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How many changes one listener may want to hear of: of three lists, and of resources.
const MOST_CHANGES: usize = 1_000;
/// What a change takes beside its URI: its entries in a table and in a queue.
const CHANGE_BYTES: usize = 96;
/// How many `subscriptions/listen` streams are open at once where the server does not say.
const MOST_STREAMS: usize = 1_000;

/// What clients can be told of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    Tools,
    Prompts,
    Resources,
    Resource(Arc<str>),
}

impl Change {
    fn size(&self) -> usize {
        CHANGE_BYTES + if let Self::Resource(uri) = self { uri.len() } else { 0 }
    }
}

/// Who wants to hear of what, and what each has yet to be told.
#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    most_streams: OnceLock<usize>,
}

#[derive(Default)]
struct State {
    listeners: HashMap<u64, Entry>,
    next: u64,
    streams: usize,
    bytes: usize,
}

#[derive(Default)]
struct Entry {
    /// What it wants to hear of, and whether that is in the queue.
    wanted: HashMap<Change, bool>,
    queue: VecDeque<Change>,
    waker: Option<Waker>,
}

/// One who hears of changes, until it is dropped.
pub(crate) struct Listener {
    hub: Arc<Hub>,
    id: u64,
    is_stream: bool,
}

impl Hub {
    /// Sets how many streams may be open at once.
    pub(crate) fn set_most_streams(&self, streams: usize) {
        let _ = self.most_streams.set(streams);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change for all who want to hear of it. Waits for nobody.
    pub(crate) fn notify(&self, change: &Change) {
        let mut woken = Vec::new();
        for entry in self.state().listeners.values_mut() {
            if let Some(queued) = entry.wanted.get_mut(change)
                && !std::mem::replace(queued, true)
            {
                entry.queue.push_back(change.clone());
                woken.extend(entry.waker.take());
            }
        }
        woken.into_iter().for_each(Waker::wake);
    }

    /// One who hears of nothing yet.
    pub(crate) fn listener(self: &Arc<Self>) -> Listener {
        self.insert(&mut self.state(), false)
    }

    /// One who listens for a stream, of which there are only so many.
    pub(crate) fn stream(
        self: &Arc<Self>,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Listener, RpcError> {
        let listener = {
            let mut state = self.state();
            if state.streams >= *self.most_streams.get().unwrap_or(&MOST_STREAMS) {
                return Err(full());
            }
            state.streams += 1;
            self.insert(&mut state, true)
        };
        for change in changes {
            listener.add(change)?;
        }
        Ok(listener)
    }

    fn insert(self: &Arc<Self>, state: &mut State, is_stream: bool) -> Listener {
        let id = state.next;
        state.next += 1;
        state.listeners.insert(id, Entry::default());
        Listener { hub: Arc::clone(self), id, is_stream }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("listeners", &self.state().listeners.len()).finish()
    }
}

impl Listener {
    /// Hears of a change from now on.
    ///
    /// # Errors
    ///
    /// When it, or all listeners together, want to hear of too much.
    pub(crate) fn add(&self, change: Change) -> Result<(), RpcError> {
        let mut state = self.hub.state();
        let bytes = state.bytes + change.size();
        let Some(entry) = state.listeners.get_mut(&self.id) else {
            return Ok(());
        };
        if entry.wanted.contains_key(&change) {
            return Ok(());
        }
        if entry.wanted.len() >= MOST_CHANGES {
            return Err(RpcError::new(
                ErrorKind::InvalidParams,
                format!("a client may subscribe to no more than {MOST_CHANGES} things at once"),
            ));
        }
        if bytes > MOST_BYTES {
            return Err(full());
        }
        entry.wanted.insert(change, false);
        state.bytes = bytes;
        Ok(())
    }

    /// Does not hear of a change any more.
    pub(crate) fn remove(&self, change: &Change) {
        let mut state = self.hub.state();
        if let Some(entry) = state.listeners.get_mut(&self.id)
            && let Some(queued) = entry.wanted.remove(change)
        {
            if queued {
                entry.queue.retain(|other| other != change);
            }
            state.bytes -= change.size();
        }
    }

    /// The resources that it hears of.
    pub(crate) fn resources(&self) -> BTreeSet<Box<str>> {
        let state = self.hub.state();
        let wanted = state.listeners.get(&self.id).map(|entry| entry.wanted.keys());
        let resource = |change: &Change| match change {
            Change::Resource(uri) => Some((&**uri).into()),
            _ => None,
        };
        wanted.into_iter().flatten().filter_map(resource).collect()
    }

    /// The next change, once there is one. What happens while it is being told is told again.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Change> {
        let mut state = self.hub.state();
        let Some(entry) = state.listeners.get_mut(&self.id) else {
            return Poll::Pending;
        };
        let Some(change) = entry.queue.pop_front() else {
            entry.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if let Some(queued) = entry.wanted.get_mut(&change) {
            *queued = false;
        }
        Poll::Ready(change)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(entry) = state.listeners.remove(&self.id) {
            state.bytes -= entry.wanted.keys().map(Change::size).sum::<usize>();
            state.streams -= usize::from(self.is_stream);
        }
    }
}

fn full() -> RpcError {
    RpcError::new(
        ErrorKind::Overloaded,
        "the server has too many subscriptions; try again later, or poll",
    )
}

/// Tells clients of changes: those that listen, and those in legacy sessions.
///
/// Of [`ServerBuilder::notifier`](crate::ServerBuilder::notifier), for tools that change what
/// other clients see; a [`Server`](crate::Server) has the same methods. Nothing waits for a
/// client: one that is slow to read hears of a change once, however often it happens meanwhile.
///
/// ```
/// use mcp_core::{Call, Notifier, Resource, Server, Tool, ToolContext, ToolPack, ToolResult};
/// use std::sync::Mutex;
///
/// struct Notes {
///     text: Mutex<String>,
///     notifier: Notifier,
/// }
///
/// /// Writes down a note.
/// #[derive(serde::Deserialize, schemars::JsonSchema, Tool)]
/// struct Write {
///     /// The note.
///     text: String,
/// }
///
/// impl Call<Notes> for Write {
///     type Output = &'static str;
///     async fn call(self, notes: &Notes, _: &ToolContext) -> ToolResult<&'static str> {
///         *notes.text.lock().unwrap() = self.text;
///         notes.notifier.resource_updated("notes://latest");
///         Ok("Written down.")
///     }
/// }
///
/// let builder = Server::builder("notes", "1.0");
/// let notes = Notes { text: Mutex::default(), notifier: builder.notifier() };
/// let server = builder
///     .pack(ToolPack::new("notes", notes).tool::<Write>().resource_fn(
///         Resource::new("notes://latest", "latest"),
///         |notes, _cx| async move { Ok(notes.text.lock().unwrap().clone()) },
///     ))
///     .build();
/// # drop(server);
/// ```
#[derive(Clone, Debug)]
pub struct Notifier(pub(crate) Arc<Hub>);

impl Notifier {
    /// Tells that another list of tools would be answered than before.
    ///
    /// [`DynamicTools`](crate::DynamicTools) do so by themselves. Where a server's tools come and
    /// go in another way, such as through a layer that answers `tools/list`, it has to declare it
    /// with [`ServerBuilder::lists_change`](crate::ServerBuilder::lists_change); clients are
    /// told nothing otherwise.
    pub fn tools_changed(&self) {
        self.0.notify(&Change::Tools);
    }

    /// As [`Self::tools_changed`], for prompts.
    pub fn prompts_changed(&self) {
        self.0.notify(&Change::Prompts);
    }

    /// As [`Self::tools_changed`], for resources and their templates.
    pub fn resources_changed(&self) {
        self.0.notify(&Change::Resources);
    }

    /// Tells those who have subscribed to a resource that it would be read differently now.
    pub fn resource_updated(&self, uri: &str) {
        self.0.notify(&Change::Resource(uri.into()));
    }
}
