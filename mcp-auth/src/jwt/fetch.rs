//! Small documents over HTTP, from parties that may be down, slow or hostile.

use std::time::Duration;

use mcp_core::BoxError;
use reqwest::{Client, redirect::Policy};

/// How large a document may be, in bytes. Sets of keys have a few KiB.
const MAX_SIZE: usize = 512 * 1024;

/// A client that follows no redirect: whom the keys come from is configured.
pub(super) fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder().redirect(Policy::none()).timeout(timeout).build()
}

pub(super) async fn text(client: &Client, url: &str) -> Result<String, BoxError> {
    let mut response = client.get(url).header("accept", "application/json, */*").send().await?;
    if !response.status().is_success() {
        return Err(format!("{url} answered {}", response.status()).into());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_SIZE {
            return Err(format!("{url} answered with more than {MAX_SIZE} bytes").into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(body)?)
}
