//! Where legacy sessions are kept, from a URL.

use std::{path::Path, sync::Arc};

use mcp_core::sessions::SessionStore;

/// The URL names no store that this program has.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionStoreUrlError {
    #[cfg(feature = "redis")]
    #[error("{0}")]
    Redis(#[from] mcp_state_redis::RedisUrlError),
    #[cfg(feature = "redis-tls")]
    #[error("{}: {source}", path.display())]
    Ca { path: std::path::PathBuf, source: std::io::Error },
    #[cfg(feature = "dynamodb")]
    #[error(
        "a table's name has 3 to 255 letters, digits, `_`, `-` and `.`; expected dynamodb://TABLE"
    )]
    Table,
    #[cfg(not(all(feature = "redis", feature = "dynamodb")))]
    #[error("this binary was built without the feature `{0}` of mcp-serve")]
    Missing(&'static str),
}

/// What stands before a table's name.
const DYNAMODB: &str = "dynamodb://";

/// The store at `dynamodb://TABLE`, in the account and region that the environment says, or at a URL of
/// Redis, whose certificate is signed by an authority of the file `ca`, if there is one. Nothing is
/// connected to yet.
pub(crate) fn open(
    url: &str,
    ca: Option<&Path>,
) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    match url.strip_prefix(DYNAMODB) {
        Some(table) => in_table(table),
        None => in_redis(url, ca),
    }
}

#[cfg(feature = "dynamodb")]
fn in_table(table: &str) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !(3..=255).contains(&table.len()) || !table.bytes().all(fits) {
        return Err(SessionStoreUrlError::Table);
    }
    Ok(Arc::new(mcp_state_aws::DynamoDbSessionStore::new(table)))
}

#[cfg(not(feature = "dynamodb"))]
fn in_table(_: &str) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    Err(SessionStoreUrlError::Missing("dynamodb"))
}

#[cfg(feature = "redis")]
#[cfg_attr(not(feature = "redis-tls"), expect(unused_variables, reason = "no TLS, no authorities"))]
fn in_redis(url: &str, ca: Option<&Path>) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    #[cfg(feature = "redis-tls")]
    if let Some(path) = ca {
        let unread = |source| SessionStoreUrlError::Ca { path: path.to_owned(), source };
        let ca = std::fs::read(path).map_err(unread)?;
        return Ok(Arc::new(mcp_state_redis::RedisSessionStore::with_ca(url, &ca)?));
    }
    Ok(Arc::new(mcp_state_redis::RedisSessionStore::new(url)?))
}

#[cfg(not(feature = "redis"))]
fn in_redis(_: &str, _: Option<&Path>) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    Err(SessionStoreUrlError::Missing("redis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_names_its_store_or_says_what_is_wrong() {
        let error = |url| open(url, None).unwrap_err().to_string();
        if cfg!(feature = "dynamodb") {
            assert!(open("dynamodb://mcp-sessions", None).is_ok());
            assert!(error("dynamodb://").contains("dynamodb://TABLE"));
            assert!(error("dynamodb://a/b").contains("dynamodb://TABLE"));
        } else {
            assert!(error("dynamodb://mcp").contains("feature `dynamodb`"));
        }
        if cfg!(feature = "redis") {
            assert!(open("redis://10.0.0.5:6379/0", None).is_ok());
            assert!(error("http://10.0.0.5").contains("redis://"));
        } else {
            assert!(error("redis://10.0.0.5").contains("feature `redis`"));
        }
    }
}
