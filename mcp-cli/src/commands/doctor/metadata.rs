//! The documents by which clients find where to get a token: the server's own (RFC 9728), and those of its
//! authorization servers (RFC 8414, OpenID Connect Discovery).

use http::{HeaderMap, header};
use reqwest::Url;
use serde_json::Value;

use super::{
    probe::Probe,
    report::{Finding, Report},
};

const CHALLENGE: &str = "challenge";
const METADATA: &str = "metadata";
const ISSUER: &str = "authorization server";

/// How many authorization servers are asked.
const SERVERS: usize = 4;

/// What the refusal of a caller without a credential says of the way to one.
pub(super) async fn challenge(probe: &Probe, headers: &HeaderMap, report: &mut Report) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(challenge) = text(header::WWW_AUTHENTICATE.as_str()) else {
        report.add(match text("x-amzn-remapped-www-authenticate") {
            Some(_) => Finding::wrong(
                CHALLENGE,
                "API Gateway renames WWW-Authenticate to x-amzn-remapped-www-authenticate",
                "clients find no way to a token behind a REST API: use an HTTP API or a Function \
                 URL, or tell clients their credential beforehand",
            ),
            None => Finding::wrong(
                CHALLENGE,
                "401 without WWW-Authenticate",
                "clients find no way to a token: something in front of the server takes the header \
                 away, or answers in its place",
            ),
        });
        return;
    };
    let named = challenge.split_once("resource_metadata=\"").and_then(|(_, rest)| {
        let address = rest.split('"').next()?;
        Url::parse(address).ok()
    });
    match named {
        Some(document) => {
            report.add(Finding::good(CHALLENGE, "WWW-Authenticate names the server's metadata"));
            own(probe, &document, report).await;
        }
        None => {
            // Clients look there when they are not told.
            let known =
                well_known(&probe.address, "oauth-protected-resource").into_iter().flatten();
            for document in known {
                if read(probe, &document).await.is_some() {
                    report.add(Finding::good(
                        CHALLENGE,
                        "the server's metadata is where clients look",
                    ));
                    own(probe, &document, report).await;
                    return;
                }
            }
            report.add(Finding::doubtful(
                CHALLENGE,
                "WWW-Authenticate names no resource_metadata",
                "clients with tokens need it (RFC 9728); for API keys alone it is well",
            ));
        }
    }
}

/// The document about the server itself.
async fn own(probe: &Probe, document: &Url, report: &mut Report) {
    let Some(metadata) = read(probe, document).await else {
        report.add(Finding::wrong(
            METADATA,
            format!("{document}, which is where clients look, is not there"),
            "the path has to reach the server: behind API Gateway the well-known path lies outside \
             of the stage and needs a route of its own",
        ));
        return;
    };
    let resource = metadata["resource"].as_str().unwrap_or_default();
    if !is_same(resource, &probe.address) {
        report.add(Finding::wrong(
            METADATA,
            format!("{document} is about {resource:?}, not about {}", probe.address),
            "clients refuse it, as it may be a stranger's: set MCP_RESOURCE to the address that \
             clients are given",
        ));
        return;
    }
    let servers = metadata["authorization_servers"].as_array();
    let servers: Vec<&str> = servers.into_iter().flatten().filter_map(Value::as_str).collect();
    if servers.is_empty() {
        report.add(Finding::doubtful(
            METADATA,
            format!("{document} names no authorization server"),
            "clients with tokens need one: the server names its MCP_JWT_ISSUER; for API keys alone \
             it is well",
        ));
        return;
    }
    report.add(Finding::good(METADATA, format!("{document} names {}", servers.join(", "))));
    for server in servers.into_iter().take(SERVERS) {
        report.add(issuer(probe, server).await);
    }
}

/// What an authorization server says of itself.
async fn issuer(probe: &Probe, issuer: &str) -> Finding {
    let Ok(address) = Url::parse(issuer) else {
        return Finding::wrong(
            ISSUER,
            format!("{issuer:?} is no URL"),
            "set MCP_JWT_ISSUER to one",
        );
    };
    let mut candidates: Vec<Url> = Vec::new();
    candidates.extend(well_known(&address, "oauth-authorization-server").into_iter().flatten());
    candidates.extend(well_known(&address, "openid-configuration").into_iter().flatten());
    let path = address.path().trim_end_matches('/').to_owned();
    candidates.extend(address.join(&format!("{path}/.well-known/openid-configuration")).ok());
    for candidate in candidates {
        let Some(metadata) = read(probe, &candidate).await else { continue };
        let said = metadata["issuer"].as_str().unwrap_or_default();
        if said.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Finding::wrong(
                ISSUER,
                format!("{candidate} is of the issuer {said:?}, not of {issuer:?}"),
                "tokens name the one of the document: set MCP_JWT_ISSUER to it",
            );
        }
        if !metadata["token_endpoint"].is_string() {
            return Finding::wrong(
                ISSUER,
                format!("{candidate} names no token_endpoint"),
                "clients can get no token there: it is another service's document",
            );
        }
        let methods = metadata["code_challenge_methods_supported"].as_array();
        if !methods.into_iter().flatten().any(|method| method == "S256") {
            return Finding::doubtful(
                ISSUER,
                format!("{issuer} does not say that it takes PKCE with S256"),
                "clients that hold to MCP go no further, although it may take it: use one whose \
                 metadata say so, or give agents their tokens by client credentials",
            );
        }
        return Finding::good(ISSUER, format!("{issuer} says where to get a token"));
    }
    Finding::wrong(
        ISSUER,
        format!("{issuer} has no metadata (RFC 8414 or OpenID Connect Discovery)"),
        "it is not reached from here, or the name is not its issuer's: compare it with `iss` of a token",
    )
}

/// Where a document about an address is: with its path behind the name, and without.
fn well_known(address: &Url, name: &str) -> [Option<Url>; 2] {
    let path = address.path().trim_end_matches('/');
    let with = address.join(&format!("/.well-known/{name}{path}")).ok();
    let without = address.join(&format!("/.well-known/{name}")).ok();
    [with.filter(|_| !path.is_empty()), without]
}

/// A document of JSON, if there is one.
async fn read(probe: &Probe, document: &Url) -> Option<Value> {
    let request = probe.client.get(document.clone()).timeout(probe.patience);
    let response = request.send().await.ok()?.error_for_status().ok()?;
    let document: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
    document.is_object().then_some(document)
}

/// Whether a resource is the server's address, but for a slash at its end.
fn is_same(resource: &str, address: &Url) -> bool {
    let mut address = address.clone();
    address.set_query(None);
    address.set_fragment(None);
    Url::parse(resource).is_ok_and(|resource| {
        resource.as_str().trim_end_matches('/') == address.as_str().trim_end_matches('/')
    })
}
