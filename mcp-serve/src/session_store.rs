//! Where legacy sessions are kept that replicas share, from flags and the environment.

use std::sync::Arc;

use mcp_core::sessions::SessionStore;
use mcp_state_redis::{RedisSessionStore, RedisUrlError};

use crate::cli::HttpOptions;

#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionStoreError {
    #[error(transparent)]
    Url(#[from] RedisUrlError),
    #[cfg(feature = "redis-tls")]
    #[error("{}: {source}", path.display())]
    Ca { path: std::path::PathBuf, source: std::io::Error },
}

pub(crate) fn open(
    url: &str,
    #[cfg_attr(not(feature = "redis-tls"), expect(unused_variables, reason = "no authorities"))]
    options: &HttpOptions,
) -> Result<Arc<dyn SessionStore>, SessionStoreError> {
    #[cfg(feature = "redis-tls")]
    if let Some(path) = &options.session_store_ca {
        let unread = |source| SessionStoreError::Ca { path: path.clone(), source };
        let ca = std::fs::read(path).map_err(unread)?;
        return Ok(Arc::new(RedisSessionStore::with_ca(url, &ca)?));
    }
    Ok(Arc::new(RedisSessionStore::new(url)?))
}
