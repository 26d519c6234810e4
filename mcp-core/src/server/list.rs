//! `tools/list`, written down once for each era and page.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use rmcp::model::Tool;
use serde_json::{Value, json};

use super::CacheScope;
use crate::{Era, ErrorKind, RpcError};

pub(super) struct ToolList {
    pages: Vec<Page>,
    names: Vec<Box<str>>,
}

struct Page {
    /// What leads here; the first page is reached without.
    cursor: Option<String>,
    next_cursor: Option<String>,
    modern: Bytes,
    legacy: Bytes,
    legacy_tools: Vec<Tool>,
}

/// How long, and by whom, a list may be kept.
#[derive(Clone, Copy)]
pub(super) struct CacheHints {
    pub(super) ttl_ms: u64,
    pub(super) scope: CacheScope,
}

impl CacheHints {
    pub(super) fn write(self, result: &mut Value) {
        result["ttlMs"] = self.ttl_ms.into();
        result["cacheScope"] = self.scope.as_str().into();
    }
}

impl ToolList {
    pub(super) fn new(tools: &[Tool], page_size: usize, cache: CacheHints, meta: &Value) -> Self {
        // A cursor of another list, such as that of a replica with other tools, is no cursor.
        let mut hasher = DefaultHasher::new();
        json!(tools).to_string().hash(&mut hasher);
        page_size.hash(&mut hasher);
        let fingerprint = hasher.finish();
        let cursor =
            |page: usize| BASE64_URL_SAFE_NO_PAD.encode(format!("tools:{page}:{fingerprint:x}"));

        // A server without tools still has one, empty, page.
        let count = tools.len().div_ceil(page_size).max(1);
        let pages = (0..count)
            .map(|index| {
                let tools = tools.chunks(page_size).nth(index).unwrap_or_default();
                let legacy_tools: Vec<Tool> = tools.iter().map(legacy_tool).collect();
                let next_cursor = (index + 1 < count).then(|| cursor(index + 1));
                let mut modern = json!({ "resultType": "complete", "tools": tools });
                let mut legacy = json!({ "tools": legacy_tools });
                if let Some(next) = &next_cursor {
                    modern["nextCursor"] = next.as_str().into();
                    legacy["nextCursor"] = next.as_str().into();
                }
                cache.write(&mut modern);
                modern["_meta"] = meta.clone();
                Page {
                    cursor: (index > 0).then(|| cursor(index)),
                    next_cursor,
                    modern: modern.to_string().into(),
                    legacy: legacy.to_string().into(),
                    legacy_tools,
                }
            })
            .collect();
        let names = tools.iter().map(|tool| (*tool.name).into()).collect();
        Self { pages, names }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    pub(super) fn page(&self, era: Era, cursor: Option<&str>) -> Result<Bytes, RpcError> {
        let page = self.find(cursor)?;
        Ok(match era {
            Era::Modern => page.modern.clone(),
            Era::Legacy => page.legacy.clone(),
        })
    }

    pub(super) fn legacy_page(
        &self,
        cursor: Option<&str>,
    ) -> Result<(Vec<Tool>, Option<String>), RpcError> {
        let page = self.find(cursor)?;
        Ok((page.legacy_tools.clone(), page.next_cursor.clone()))
    }

    fn find(&self, cursor: Option<&str>) -> Result<&Page, RpcError> {
        self.pages.iter().find(|page| page.cursor.as_deref() == cursor).ok_or_else(|| {
            RpcError::new(
                ErrorKind::InvalidParams,
                "`params.cursor` is none that this server handed out; start again without one",
            )
        })
    }
}

/// Legacy revisions know only objects as structured content.
fn legacy_tool(tool: &Tool) -> Tool {
    let mut tool = tool.clone();
    tool.output_schema =
        tool.output_schema.filter(|schema| schema.get("type").is_some_and(|kind| kind == "object"));
    tool
}
