//! Where legacy sessions are kept, from a URL.

use std::sync::Arc;

use mcp_core::sessions::SessionStore;

/// The URL names no store that this program has.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionStoreUrlError {
    #[cfg(feature = "redis")]
    #[error("{0}")]
    Redis(#[from] mcp_state_redis::RedisUrlError),
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
/// Redis. Nothing is connected to yet.
pub(crate) fn open(url: &str) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    match url.strip_prefix(DYNAMODB) {
        Some(table) => in_table(table),
        None => in_redis(url),
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
fn in_redis(url: &str) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    Ok(Arc::new(mcp_state_redis::RedisSessionStore::new(url)?))
}

#[cfg(not(feature = "redis"))]
fn in_redis(_: &str) -> Result<Arc<dyn SessionStore>, SessionStoreUrlError> {
    Err(SessionStoreUrlError::Missing("redis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_names_its_store_or_says_what_is_wrong() {
        let error = |url| open(url).unwrap_err().to_string();
        if cfg!(feature = "dynamodb") {
            assert!(open("dynamodb://mcp-sessions").is_ok());
            assert!(error("dynamodb://").contains("dynamodb://TABLE"));
            assert!(error("dynamodb://a/b").contains("dynamodb://TABLE"));
        } else {
            assert!(error("dynamodb://mcp").contains("feature `dynamodb`"));
        }
        if cfg!(feature = "redis") {
            assert!(open("redis://10.0.0.5:6379/0").is_ok());
            assert!(error("http://10.0.0.5").contains("redis://"));
        } else {
            assert!(error("redis://10.0.0.5").contains("feature `redis`"));
        }
    }
}
