//! Lists of which a caller sees what it may use. Who is not authenticated sees all.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{
    list::{CacheHints, List},
    lists::Listing,
};
use crate::{Principal, Request, RpcError};

/// How many views are kept. Callers differ in their scopes by role, hence in few ways; those of
/// further combinations are served from a view that is made for them alone.
const MAX_VIEWS: usize = 64;

/// Something as it is listed, and what it takes to see it.
#[derive(Clone, Debug)]
pub(super) struct Item<M> {
    pub(super) model: M,
    pub(super) scopes: Vec<&'static str>,
}

/// How a list is written.
pub(super) struct Form<M> {
    /// The member that the pages have the items in: `tools`.
    pub(super) member: &'static str,
    /// An item as a legacy client sees it.
    pub(super) legacy: fn(&M) -> Value,
}

/// One of the lists.
pub(super) struct ScopedList<M> {
    all: List,
    /// Only where some item requires a scope.
    scoped: Option<Scoped<M>>,
}

struct Scoped<M> {
    form: Form<M>,
    items: Vec<Item<M>>,
    /// All scopes that some item requires.
    scopes: Vec<&'static str>,
    page_size: usize,
    cache: CacheHints,
    meta: Value,
    /// What callers see, by which of the scopes they have.
    views: RwLock<HashMap<Box<[bool]>, Arc<List>>>,
}

impl<M: Clone + Serialize> ScopedList<M> {
    pub(super) fn new(form: Form<M>, items: Vec<Item<M>>, listing: &Listing) -> Self {
        let &Listing { page_size, cache, ref meta, .. } = listing;
        let models: Vec<_> = items.iter().map(|item| &item.model).collect();
        let all =
            List::new(form.member, &models, |item| (form.legacy)(item), page_size, cache, meta);
        let scopes: BTreeSet<_> = items.iter().flat_map(|item| &item.scopes).copied().collect();
        let scoped = (!scopes.is_empty()).then(|| Scoped {
            form,
            items,
            scopes: scopes.into_iter().collect(),
            page_size,
            cache: cache.private(),
            meta: meta.clone(),
            views: RwLock::default(),
        });
        Self { all, scoped }
    }

    /// The page that a request asks for, of what its caller may use.
    pub(super) fn page(&self, request: &Request) -> Result<Bytes, RpcError> {
        let (era, cursor) = (request.era(), request.cursor());
        match (&self.scoped, request.extensions().get::<Principal>()) {
            (Some(scoped), Some(caller)) => scoped.view(caller).page(era, cursor),
            _ => self.all.page(era, cursor),
        }
    }
}

impl<M: Serialize> Scoped<M> {
    fn view(&self, caller: &Principal) -> Arc<List> {
        let has: Box<[bool]> = self.scopes.iter().map(|scope| caller.has_scope(scope)).collect();
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(&has) {
            return Arc::clone(view);
        }
        drop(views);
        let view = Arc::new(self.write_down(caller));
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        if views.len() < MAX_VIEWS {
            views.insert(has, Arc::clone(&view));
        }
        view
    }

    fn write_down(&self, caller: &Principal) -> List {
        let Self { page_size, cache, ref form, ref meta, .. } = *self;
        let may_use = |item: &&Item<M>| item.scopes.iter().all(|scope| caller.has_scope(scope));
        let seen: Vec<_> = self.items.iter().filter(may_use).map(|item| &item.model).collect();
        List::new(form.member, &seen, |item| (form.legacy)(item), page_size, cache, meta)
    }
}
