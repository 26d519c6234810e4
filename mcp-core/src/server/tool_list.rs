//! `tools/list`: all tools to who is not authenticated, to others those that they may call.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use rmcp::model;
use serde_json::{Value, json};

use super::list::{CacheHints, List};
use crate::{Era, Principal, RpcError, ToolDefinition, app};

/// How many views are kept. Callers differ in their scopes by role, hence in few ways; those of
/// further combinations are served from a view that is made for them alone.
const MAX_VIEWS: usize = 64;

/// A tool as it is listed, and what it takes to see it.
#[derive(Clone, Debug)]
pub(super) struct ListedTool {
    model: model::Tool,
    scopes: Vec<&'static str>,
}

/// The list of tools.
pub(super) struct ToolList {
    all: List,
    /// Only where some tool requires a scope.
    scoped: Option<Scoped>,
}

struct Scoped {
    tools: Vec<ListedTool>,
    /// All scopes that some tool requires.
    scopes: Vec<&'static str>,
    page_size: usize,
    cache: CacheHints,
    meta: Value,
    /// What callers see, by which of the scopes they have.
    views: RwLock<HashMap<Box<[bool]>, Arc<List>>>,
}

impl ListedTool {
    pub(super) fn of(definition: &ToolDefinition) -> Self {
        Self { model: definition.model.clone(), scopes: definition.scopes.clone() }
    }

    pub(super) fn has_app(&self) -> bool {
        app::of_tool(&self.model).is_some()
    }

    /// The tool as a client sees it that does not show apps, if it is of any use there.
    pub(super) fn without_app(&self) -> Option<Self> {
        Some(Self { model: app::without(&self.model)?, scopes: self.scopes.clone() })
    }

    pub(super) fn name(&self) -> &str {
        &self.model.name
    }
}

impl ToolList {
    pub(super) fn new(
        tools: Vec<ListedTool>,
        page_size: usize,
        cache: CacheHints,
        meta: &Value,
    ) -> Self {
        let all = write_down(&tools, |_| true, page_size, cache, meta);
        let scopes: BTreeSet<_> = tools.iter().flat_map(|tool| &tool.scopes).copied().collect();
        let scoped = (!scopes.is_empty()).then(|| Scoped {
            tools,
            scopes: scopes.into_iter().collect(),
            page_size,
            cache: cache.private(),
            meta: meta.clone(),
            views: RwLock::default(),
        });
        Self { all, scoped }
    }

    /// A page of all tools.
    pub(super) fn page(&self, era: Era, cursor: Option<&str>) -> Result<Bytes, RpcError> {
        self.all.page(era, cursor)
    }

    /// A page of the tools that a caller may call.
    pub(super) fn page_for(
        &self,
        caller: &Principal,
        era: Era,
        cursor: Option<&str>,
    ) -> Result<Bytes, RpcError> {
        match &self.scoped {
            None => self.all.page(era, cursor),
            Some(scoped) => scoped.view(caller).page(era, cursor),
        }
    }
}

impl Scoped {
    fn view(&self, caller: &Principal) -> Arc<List> {
        let has: Box<[bool]> = self.scopes.iter().map(|scope| caller.has_scope(scope)).collect();
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(&has) {
            return Arc::clone(view);
        }
        drop(views);
        let may_call = |tool: &ListedTool| tool.scopes.iter().all(|scope| caller.has_scope(scope));
        let view =
            Arc::new(write_down(&self.tools, may_call, self.page_size, self.cache, &self.meta));
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        if views.len() < MAX_VIEWS {
            views.insert(has, Arc::clone(&view));
        }
        view
    }
}

fn write_down(
    tools: &[ListedTool],
    is_seen: impl Fn(&ListedTool) -> bool,
    page_size: usize,
    cache: CacheHints,
    meta: &Value,
) -> List {
    let seen: Vec<_> = tools.iter().filter(|tool| is_seen(tool)).map(|tool| &tool.model).collect();
    List::new("tools", &seen, |tool| legacy(tool), page_size, cache, meta)
}

/// Legacy revisions know only objects as structured content.
fn legacy(tool: &model::Tool) -> Value {
    let mut tool = tool.clone();
    tool.output_schema =
        tool.output_schema.filter(|schema| schema.get("type").is_some_and(|kind| kind == "object"));
    json!(tool)
}
