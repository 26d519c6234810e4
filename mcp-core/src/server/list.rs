//! The lists of tools, resources, templates and prompts, written down once for each era and page.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::CacheScope;
use crate::{Era, ErrorKind, RpcError};

/// One list. What it lists is named by the member that the pages have it in: `tools`.
pub(super) struct List {
    pages: Vec<Page>,
}

struct Page {
    /// What leads here; the first page is reached without.
    cursor: Option<String>,
    modern: Bytes,
    legacy: Bytes,
}

/// How long, and by whom, a result may be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheHints {
    ttl_ms: u64,
    scope: CacheScope,
}

impl CacheHints {
    /// Not at all.
    pub(crate) const NEVER: Self = Self { ttl_ms: 0, scope: CacheScope::Private };

    /// The same for a result that differs from caller to caller.
    pub(super) fn private(self) -> Self {
        Self { scope: CacheScope::Private, ..self }
    }

    pub(crate) fn new(ttl: Duration, scope: CacheScope) -> Self {
        Self { ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX), scope }
    }

    pub(super) fn write(self, result: &mut Value) {
        result["ttlMs"] = self.ttl_ms.into();
        result["cacheScope"] = self.scope.as_str().into();
    }

    /// Writes the members behind others of a result.
    pub(crate) fn write_members(self, out: &mut Vec<u8>) {
        // Writing to memory does not fail.
        let _ = write!(out, r#","ttlMs":{},"cacheScope":"{}""#, self.ttl_ms, self.scope.as_str());
    }
}

impl List {
    /// Writes down the pages. `items` are as a modern client sees them; `legacy` makes of one
    /// what a legacy client sees.
    pub(super) fn new<T: Serialize>(
        member: &'static str,
        items: &[T],
        legacy: impl Fn(&T) -> Value,
        page_size: usize,
        cache: CacheHints,
        meta: &Value,
    ) -> Self {
        // A cursor of another list, such as that of a replica with other tools, is no cursor.
        let mut hasher = DefaultHasher::new();
        json!(items).to_string().hash(&mut hasher);
        page_size.hash(&mut hasher);
        let fingerprint = hasher.finish();
        let cursor =
            |page: usize| BASE64_URL_SAFE_NO_PAD.encode(format!("{member}:{page}:{fingerprint:x}"));

        // A list of nothing still has one, empty, page.
        let count = items.len().div_ceil(page_size).max(1);
        let pages = (0..count)
            .map(|index| {
                let items = items.chunks(page_size).nth(index).unwrap_or_default();
                let legacy_items: Vec<Value> = items.iter().map(&legacy).collect();
                let mut modern = json!({ "resultType": "complete" });
                modern[member] = json!(items);
                let mut legacy = json!({});
                legacy[member] = legacy_items.into();
                if index + 1 < count {
                    modern["nextCursor"] = cursor(index + 1).into();
                    legacy["nextCursor"] = modern["nextCursor"].clone();
                }
                cache.write(&mut modern);
                modern["_meta"] = meta.clone();
                Page {
                    cursor: (index > 0).then(|| cursor(index)),
                    modern: modern.to_string().into(),
                    legacy: legacy.to_string().into(),
                }
            })
            .collect();
        Self { pages }
    }

    /// The page that a cursor leads to, as a result.
    pub(super) fn page(&self, era: Era, cursor: Option<&str>) -> Result<Bytes, RpcError> {
        let page =
            self.pages.iter().find(|page| page.cursor.as_deref() == cursor).ok_or_else(|| {
                RpcError::new(
                    ErrorKind::InvalidParams,
                    "`params.cursor` is none that this server handed out; start again without one",
                )
            })?;
        Ok(match era {
            Era::Modern => page.modern.clone(),
            Era::Legacy => page.legacy.clone(),
        })
    }
}
