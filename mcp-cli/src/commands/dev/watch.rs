//! Notices that files have changed.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc::{
        Receiver, Sender, UnboundedReceiver, channel, error::TrySendError, unbounded_channel,
    },
    time::timeout,
};

use crate::exit::Failure;

/// For how long nothing has to change before a change counts: a linker writes many times.
const QUIET: Duration = Duration::from_millis(300);

pub(super) struct Changes {
    settled: Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Waits until something has changed and is not being changed any more. Loses nothing when it is
    /// dropped.
    pub(super) async fn next(&mut self) {
        if self.settled.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Passes on that there have been events once there are none any more.
async fn settle(mut events: UnboundedReceiver<()>, settled: Sender<()>) {
    while events.recv().await.is_some() {
        while let Ok(Some(())) = timeout(QUIET, events.recv()).await {}
        // One that is not yet taken says the same.
        if matches!(settled.try_send(()), Err(TrySendError::Closed(()))) {
            return;
        }
    }
}

/// Of one file, which may be replaced by another.
pub(super) fn file(path: &Path) -> Result<Changes, Failure> {
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    let path = path.to_owned();
    watch(&folder, RecursiveMode::NonRecursive, move |changed| changed == path)
}

/// Of what a project is built from.
pub(super) fn sources(root: &Path, target: &Path) -> Result<Changes, Failure> {
    let target = target.to_owned();
    watch(root, RecursiveMode::Recursive, move |changed: &Path| {
        let is_hidden =
            changed.components().any(|part| part.as_os_str().to_string_lossy().starts_with('.'));
        let is_source = changed.extension().is_some_and(|kind| kind == "rs" || kind == "toml");
        is_source && !is_hidden && !changed.starts_with(&target)
    })
}

fn watch(
    folder: &Path,
    mode: RecursiveMode,
    counts: impl Fn(&Path) -> bool + Send + 'static,
) -> Result<Changes, Failure> {
    let (sender, events) = unbounded_channel();
    let noted = move |event: notify::Result<Event>| {
        let Ok(Event { kind, paths, .. }) = event else { return };
        let is_change = !matches!(kind, EventKind::Access(_));
        if is_change && paths.iter().any(|path: &PathBuf| counts(path)) {
            // Whoever no longer listens is about to end.
            let _ = sender.send(());
        }
    };
    let cannot = |error: notify::Error| {
        Failure::local(format!("cannot watch {}: {error}", folder.display()))
    };
    let mut watcher = notify::recommended_watcher(noted).map_err(cannot)?;
    watcher.watch(folder, mode).map_err(cannot)?;
    let (sender, settled) = channel(1);
    tokio::spawn(settle(events, sender));
    Ok(Changes { settled, _watcher: watcher })
}
