//! What has been added to a server since it was built.

use std::{
    any::Any,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    BuildError,
    features::{Defaults, Features},
    lists::{Listed, Listing, Lists},
    live::Live,
};
use crate::{
    asking::Seal,
    subscription::{Change, Hub},
    tool::{BoxService, PackParts},
};

/// The changing part of a server. Only servers that may change have one.
pub(crate) struct Dynamic {
    /// What was there when the server was built.
    features: Arc<Features>,
    listed: Listed,
    defaults: Defaults,
    listing: Listing,
    seal: Arc<Seal>,
    hub: Arc<Hub>,
    slots: Mutex<Vec<Slot>>,
    current: Live<Snapshot>,
    /// The same inside the layers of the packs.
    inside: Arc<Live<Features>>,
}

/// What is there now, beside what was there from the start.
pub(super) struct Snapshot {
    pub(super) features: Features,
    /// Of the whole server.
    pub(super) lists: Lists,
}

/// What has been added to one pack.
pub(super) struct Slot {
    /// The layers of the pack, around what looks into [`Dynamic::inside`].
    layered: Option<BoxService>,
    /// The handles that are part of the state do not keep it.
    _state: Arc<dyn Any + Send + Sync>,
    items: Vec<Item>,
}

impl Slot {
    pub(super) fn new(layered: Option<BoxService>, state: Arc<dyn Any + Send + Sync>) -> Self {
        Self { layered, _state: state, items: Vec::new() }
    }
}

/// One thing that has been added.
struct Item {
    kind: Change,
    key: String,
    features: Features,
    listed: Listed,
}

impl Dynamic {
    #[expect(clippy::too_many_arguments, reason = "called once, where all of them are made")]
    pub(super) fn new(
        features: Arc<Features>,
        listed: Listed,
        defaults: Defaults,
        listing: Listing,
        seal: Arc<Seal>,
        hub: Arc<Hub>,
        slots: Vec<Slot>,
        inside: Arc<Live<Features>>,
    ) -> Self {
        let lists = listed.write_down(&listing);
        let current = Live::new(Snapshot { features: Features::default(), lists });
        let slots = Mutex::new(slots);
        Self { features, listed, defaults, listing, seal, hub, slots, current, inside }
    }

    pub(super) fn current(&self) -> Arc<Snapshot> {
        self.current.load()
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one thing to the pack of a slot.
    ///
    /// # Errors
    ///
    /// When it is invalid, or its name is taken.
    pub(crate) fn add(
        &self,
        slot: usize,
        kind: &Change,
        key: &str,
        parts: PackParts,
    ) -> Result<(), BuildError> {
        let mut slots = self.slots();
        let mut listed = Listed::default();
        listed.add(&parts);
        parts.set_seal(&self.seal);
        let current = self.current();
        let known = [&*self.features, &current.features];
        let features = Features::of_pack(parts, &known, &self.defaults)?;
        features.check_apps(&[&self.features, &current.features])?;
        let item = Item { kind: kind.clone(), key: key.to_owned(), features, listed };
        if let Some(slot) = slots.get_mut(slot) {
            slot.items.push(item);
        }
        self.publish(&slots);
        drop(slots);
        self.hub.notify(kind);
        Ok(())
    }

    /// Removes one thing from the pack of a slot, if it is there.
    pub(crate) fn remove(&self, slot: usize, kind: &Change, key: &str) -> bool {
        let mut slots = self.slots();
        let Some(items) = slots.get_mut(slot).map(|slot| &mut slot.items) else {
            return false;
        };
        let Some(index) = items.iter().position(|item| item.kind == *kind && item.key == key)
        else {
            return false;
        };
        let removed = items.remove(index);
        self.publish(&slots);
        // It is somebody's code that drops a tool's state.
        drop(slots);
        drop(removed);
        self.hub.notify(kind);
        true
    }

    /// Has requests from now on see what is in the slots.
    fn publish(&self, slots: &[Slot]) {
        let (mut features, mut inside) = (Features::default(), Features::default());
        let mut listed = self.listed.clone();
        for slot in slots {
            for item in &slot.items {
                inside.extend(item.features.clone(), None);
                features.extend(item.features.clone(), slot.layered.as_ref());
                listed.extend(&item.listed);
            }
        }
        // A call that finds its tool in the one finds it in the other.
        let lists = listed.write_down(&self.listing);
        self.inside.store(inside);
        self.current.store(Snapshot { features, lists });
    }
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dynamic").finish_non_exhaustive()
    }
}
