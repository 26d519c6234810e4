//! What can be found out about a server that listens for Streamable HTTP.

use std::time::Instant;

use http::{HeaderMap, StatusCode, header};
use reqwest::Url;
use serde_json::{Value, json};

use super::{
    authentication::authentication,
    front,
    probe::Probe,
    report::{Finding, Report},
    streaming::streaming,
};
use crate::{
    args::Server,
    connect::{self, Signer},
};

/// Looks at everything; false where nothing answers at all.
pub(super) async fn examine(url: &str, server: &Server, report: &mut Report) -> bool {
    let Ok(address) = Url::parse(url) else {
        report.add(Finding::wrong(
            "address",
            format!("{url} is no URL"),
            "such as https://host/mcp",
        ));
        return false;
    };
    let (client, headers) = match (connect::http_client(server), connect::headers(server)) {
        (Ok(client), Ok(headers)) => (client, headers.into_iter().collect::<HeaderMap>()),
        (Err(failure), _) | (_, Err(failure)) => {
            report.add(Finding::wrong("options", failure.to_string(), "see --help"));
            return false;
        }
    };
    let signer = match &server.sigv4 {
        None => None,
        Some(service) => match Signer::new(service, url).await {
            Ok(signer) => Some(signer),
            Err(failure) => {
                let advice = "the signature is what lets a caller in";
                report.add(Finding::wrong("options", failure.to_string(), advice));
                return false;
            }
        },
    };
    let patience = server.connect_timeout;
    let stranger = Probe {
        client: client.clone(),
        address: address.clone(),
        headers: HeaderMap::new(),
        signer: None,
        patience,
    };
    let probe = Probe { client, address, headers, signer, patience };
    let discover = probe.request("server/discover", json!({}));
    let asked = Instant::now();
    // Without credentials first: a server that wants some has to say how to get them.
    let answer = match stranger.post(&discover, HeaderMap::new()).await {
        Ok(answer) => answer,
        Err(error) => {
            report.add(front::unreachable(&probe.address, &error));
            return false;
        }
    };
    report.add(Finding::good("reached", format!("{} answers {}", probe.address, answer.status)));
    front::transport_security(&probe.address, &answer, report);
    front::clock(&answer.headers, report);
    front::first_answer(asked.elapsed(), report);
    if let Some(said) = front::waits(probe.address.host_str().unwrap_or_default()) {
        report.add(Finding::good("time limits", said));
    }
    if let Some(finding) = front::stranger(&answer) {
        report.add(finding);
        return false;
    }
    let is_open = authentication(&probe, &answer, report).await;
    if is_open {
        malformed(&probe, report).await;
        foreign_origin(&probe, report).await;
        streaming(&probe, report).await;
    }
    is_open
}

async fn malformed(probe: &Probe, report: &mut Report) {
    let request = probe.send("{\"jsonrpc\"".to_owned(), "server/discover", probe.headers.clone());
    let Ok(response) = request.await.send().await else { return };
    let status = response.status();
    let body = response.bytes().await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if body["error"]["code"] == json!(-32700) {
        report.add(Finding::good("malformed JSON", "is answered with a JSON-RPC error"));
    } else {
        report.add(Finding::doubtful(
            "malformed JSON",
            format!("is answered {status} without a JSON-RPC error"),
            "something in front answers in the server's place, or the server is no strict one",
        ));
    }
}

/// A web page of anyone's must not call a server that its reader can reach.
async fn foreign_origin(probe: &Probe, report: &mut Report) {
    let mut headers = probe.headers.clone();
    headers.insert(header::ORIGIN, http::HeaderValue::from_static("https://attacker.example"));
    let Ok(answer) = probe.post(&probe.request("server/discover", json!({})), headers).await else {
        return;
    };
    if answer.status == StatusCode::FORBIDDEN {
        report.add(Finding::good("foreign web pages", "are refused by their Origin"));
    } else {
        report.add(Finding::doubtful(
            "foreign web pages",
            format!("a foreign Origin is answered {}", answer.status),
            "any page that a caller opens can call the tools with what their browser sends: allow \
             origins by name",
        ));
    }
}
