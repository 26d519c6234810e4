//! Requests as a client of Streamable HTTP sends them, and what comes back.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use reqwest::{Url, tls::TlsInfo};
use serde_json::{Value, json};

use crate::connect::Signer;

const VERSION: &str = "2026-07-28";

pub(super) struct Probe {
    pub(super) client: reqwest::Client,
    pub(super) address: Url,
    pub(super) headers: HeaderMap,
    /// Signs requests for a service of AWS.
    pub(super) signer: Option<Signer>,
    /// How long an answer may take to begin.
    pub(super) patience: Duration,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// As JSON; null where it is none.
    pub(super) body: Value,
    pub(super) text: String,
    /// How long the certificate is still good, over TLS.
    pub(super) certificate_ends: Option<Duration>,
}

impl Probe {
    pub(super) fn request(&self, method: &str, mut params: Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {
                "name": "mcp-doctor", "version": env!("CARGO_PKG_VERSION"),
            },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    pub(super) async fn send(
        &self,
        body: String,
        method: &str,
        mut more: HeaderMap,
    ) -> reqwest::RequestBuilder {
        if let Some(signer) = &self.signer {
            // Without a signature the request is refused, which is then what is found.
            let signed = signer.headers("POST", self.address.as_str(), body.as_bytes()).await;
            more.extend(signed.unwrap_or_default());
        }
        self.client
            .post(self.address.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", method)
            .headers(more)
            .timeout(self.patience)
            .body(body)
    }

    pub(super) async fn post(&self, message: &Value, more: HeaderMap) -> reqwest::Result<Answer> {
        let method = message["method"].as_str().unwrap_or_default();
        let response = self.send(message.to_string(), method, more).await.send().await?;
        let certificate_ends = response.extensions().get::<TlsInfo>().and_then(left);
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status, headers, body, text, certificate_ends })
    }
}

/// How long a certificate is still good.
fn left(tls: &TlsInfo) -> Option<Duration> {
    let (_, certificate) = x509_parser::parse_x509_certificate(tls.peer_certificate()?).ok()?;
    let ends = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    let ends = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(ends))?;
    Some(ends.duration_since(SystemTime::now()).unwrap_or_default())
}
