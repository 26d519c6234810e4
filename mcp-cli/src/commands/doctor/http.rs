//! What can be found out about a server that listens for Streamable HTTP.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use reqwest::Url;
use serde_json::{Value, json};

use super::report::{Finding, Report};
use crate::{
    args::Server,
    connect::{self, Signer},
};

/// Skew that AWS's signatures still allow, and tokens mostly do not.
const SKEW: Duration = Duration::from_secs(60);
/// For how long a stream has to stay open to count as one.
const STREAM: Duration = Duration::from_millis(500);
const VERSION: &str = "2026-07-28";

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
    let stranger = Probe {
        client: client.clone(),
        address: address.clone(),
        headers: HeaderMap::new(),
        signer: None,
    };
    let probe = Probe { client, address, headers, signer };
    let discover = probe.request("server/discover", json!({}));
    // Without credentials first: a server that wants some has to say how to get them.
    let answer = match stranger.post(&discover, HeaderMap::new()).await {
        Ok(answer) => answer,
        Err(error) => {
            report.add(unreachable(&probe.address, &error));
            return false;
        }
    };
    report.add(Finding::good("reached", format!("{} answers {}", probe.address, answer.status)));
    transport_security(&probe.address, report);
    clock(&answer.headers, report);
    waits(&probe.address, report);
    let is_open = authentication(&probe, &answer, report).await;
    if is_open {
        malformed(&probe, report).await;
        foreign_origin(&probe, report).await;
        streaming(&probe, report).await;
    }
    is_open
}

struct Probe {
    client: reqwest::Client,
    address: Url,
    headers: HeaderMap,
    /// Signs requests for a service of AWS.
    signer: Option<Signer>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Probe {
    fn request(&self, method: &str, mut params: Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {
                "name": "mcp-doctor", "version": env!("CARGO_PKG_VERSION"),
            },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    }

    async fn send(
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
            .timeout(Duration::from_secs(30))
            .body(body)
    }

    async fn post(&self, message: &Value, more: HeaderMap) -> reqwest::Result<Answer> {
        let method = message["method"].as_str().unwrap_or_default();
        let response = self.send(message.to_string(), method, more).await.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status, headers, body })
    }
}

fn unreachable(address: &Url, error: &reqwest::Error) -> Finding {
    let cause = connect::chain(error);
    let advice = if cause.contains("certificate") {
        "the certificate is not one that this machine trusts, or of another name: look at it with \
         `openssl s_client -connect HOST:443`"
    } else if cause.contains("dns") || cause.contains("lookup") {
        "the name is not known here: check its spelling and the DNS record"
    } else if error.is_timeout() {
        "nothing refuses and nothing answers: a security group or a firewall keeps it out"
    } else {
        "nothing listens there: check the port, and that the server runs (its /health)"
    };
    Finding::wrong("reached", format!("{address} cannot be reached: {cause}"), advice)
}

fn is_loopback(address: &Url) -> bool {
    matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn transport_security(address: &Url, report: &mut Report) {
    report.add(match address.scheme() {
        "https" => Finding::good("TLS", "the connection is encrypted, the certificate trusted"),
        _ if is_loopback(address) => Finding::good("TLS", "none, which is well on loopback"),
        _ => Finding::wrong(
            "TLS",
            "none: whoever is on the way reads credentials and data",
            "use the https:// address; an Application Load Balancer or --tls-cert makes one",
        ),
    });
}

fn clock(headers: &HeaderMap, report: &mut Report) {
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else { return };
    let ours = SystemTime::now();
    let skew = ours.duration_since(theirs).or_else(|_| theirs.duration_since(ours));
    let skew = skew.unwrap_or_default();
    report.add(if skew > SKEW {
        Finding::wrong(
            "clock",
            format!("the server's and this machine's are {} s apart", skew.as_secs()),
            "tokens and signatures are refused then (AWS allows 5 minutes): set the clock by NTP",
        )
    } else {
        Finding::good("clock", "agrees with the server's")
    });
}

/// What the service in front is known to wait for.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>
fn waits(address: &Url, report: &mut Report) {
    let host = address.host_str().unwrap_or_default();
    let found = if host.contains(".execute-api.") {
        "API Gateway waits 29 s for a REST API's whole reply and 30 s for an HTTP API's; a REST \
         API with streamed replies 15 minutes"
    } else if host.contains(".lambda-url.") {
        "a Function URL waits as long as its function may run, at most 15 minutes"
    } else if host.ends_with(".elb.amazonaws.com") {
        "a load balancer closes what is silent for 60 s by default; the server's keep-alives on \
         streams prevent that"
    } else {
        return;
    };
    report.add(Finding::good("time limits", found));
}

/// Whether callers have to show a credential, whether they are told so, and whether it is taken.
async fn authentication(probe: &Probe, anonymous: &Answer, report: &mut Report) -> bool {
    let is_refused = anonymous.status == StatusCode::FORBIDDEN
        && ["Message", "message"].iter().any(|key| anonymous.body.get(key).is_some());
    if is_refused && probe.signer.is_some() {
        return signature(probe, report).await;
    }
    if is_refused {
        report.add(Finding::wrong(
            "authentication",
            "AWS itself refuses: the address wants requests signed by IAM",
            "sign them with --sigv4 lambda or --sigv4 execute-api, or set the authorization type to NONE \
             and let the server ask for keys or tokens",
        ));
        return false;
    }
    if anonymous.status != StatusCode::UNAUTHORIZED {
        if is_loopback(&probe.address) {
            report.add(Finding::good("authentication", "none, which is well on loopback"));
        } else {
            report.add(Finding::doubtful(
                "authentication",
                "anyone who can reach the address may call the tools",
                "ask callers for API keys or tokens, unless the tools are for everyone",
            ));
        }
        return true;
    }
    challenge(probe, &anonymous.headers, report).await;
    if probe.headers.is_empty() {
        let advice = "pass --api-key, --bearer or --header to look further";
        report.add(Finding::doubtful("authentication", "callers need a credential", advice));
        return false;
    }
    let discover = probe.request("server/discover", json!({}));
    match probe.post(&discover, probe.headers.clone()).await {
        Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => {
            let told = answer.headers.get(header::WWW_AUTHENTICATE);
            let told = told.and_then(|told| told.to_str().ok()).unwrap_or("without a reason");
            let found = format!("the credential is refused: {told}");
            let advice = "it may have expired, be another server's, or lack its name in the \
                          server's list; the server's log says more";
            report.add(Finding::wrong("authentication", found, advice));
            false
        }
        Ok(_) => {
            report.add(Finding::good("authentication", "the credential is taken"));
            true
        }
        Err(error) => {
            report.add(unreachable(&probe.address, &error));
            false
        }
    }
}

/// RFC 9728: a 401 names a document that says where to get a token.
async fn challenge(probe: &Probe, headers: &HeaderMap, report: &mut Report) {
    const ABOUT: &str = "challenge";
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(challenge) = text("www-authenticate") else {
        report.add(match text("x-amzn-remapped-www-authenticate") {
            Some(_) => Finding::wrong(
                ABOUT,
                "API Gateway renames WWW-Authenticate to x-amzn-remapped-www-authenticate",
                "clients find no way to a token behind a REST API: use an HTTP API or a Function \
                 URL, or tell clients their credential beforehand",
            ),
            None => Finding::wrong(
                ABOUT,
                "401 without WWW-Authenticate",
                "clients find no way to a token: something in front of the server takes the header \
                 away, or answers in its place",
            ),
        });
        return;
    };
    let document =
        challenge.split_once("resource_metadata=\"").and_then(|(_, rest)| rest.split('"').next());
    let Some(document) = document else {
        report.add(Finding::doubtful(
            ABOUT,
            "WWW-Authenticate names no resource_metadata",
            "clients with tokens need it (RFC 9728); for API keys alone it is well",
        ));
        return;
    };
    let fetched = match probe.client.get(document).send().await {
        Ok(response) if response.status().is_success() => response.bytes().await.ok(),
        _ => None,
    };
    let metadata: Option<Value> = fetched.and_then(|body| serde_json::from_slice(&body).ok());
    report.add(match metadata {
        Some(metadata) if metadata["resource"].is_string() => {
            let servers = metadata["authorization_servers"].as_array().map_or(0, Vec::len);
            Finding::good(ABOUT, format!("{document} names {servers} authorization servers"))
        }
        _ => Finding::wrong(
            ABOUT,
            format!("{document}, which the challenge names, is not there"),
            "the path has to reach the server: behind API Gateway the well-known path lies outside \
             of the stage and needs a route of its own",
        ),
    });
}

/// Whether AWS lets in whom it has refused without a signature.
async fn signature(probe: &Probe, report: &mut Report) -> bool {
    let discover = probe.request("server/discover", json!({}));
    let Ok(answer) = probe.post(&discover, probe.headers.clone()).await else { return false };
    if answer.status != StatusCode::FORBIDDEN {
        report.add(Finding::good("authentication", "AWS asks for a signature, and takes this one"));
        return true;
    }
    let said = ["Message", "message"].iter().find_map(|key| answer.body[key].as_str());
    report.add(Finding::wrong(
        "authentication",
        format!("AWS refuses the signature: {}", said.unwrap_or("without a reason")),
        "the identity (aws sts get-caller-identity) needs lambda:InvokeFunctionUrl and \
         lambda:InvokeFunction, or execute-api:Invoke; a wrong service, region or clock makes \
         another signature",
    ));
    false
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

/// A subscription says at once that it stands, and then goes on: whoever gathers replies hands it on
/// late, or ends it.
async fn streaming(probe: &Probe, report: &mut Report) {
    const ABOUT: &str = "streaming";
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let listen = probe.request("subscriptions/listen", filter);
    let request = probe.send(listen.to_string(), "subscriptions/listen", probe.headers.clone());
    let Ok(mut response) = request.await.send().await else {
        report.add(Finding::doubtful(
            ABOUT,
            "a subscription is not answered",
            "something in front waits for the whole reply: let it stream (Function URL with \
             RESPONSE_STREAM, REST API with STREAM), or do without subscriptions",
        ));
        return;
    };
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        let found = "the server has no subscriptions";
        report.add(Finding::doubtful(ABOUT, found, "that is well for tools without progress"));
        return;
    }
    let first = tokio::time::timeout(Duration::from_secs(10), response.chunk()).await;
    let has_begun = matches!(first, Ok(Ok(Some(_))));
    // What ends at once was gathered.
    let ends =
        tokio::time::timeout(STREAM, async { while let Ok(Some(_)) = response.chunk().await {} });
    let has_ended = ends.await.is_ok();
    report.add(if has_begun && !has_ended {
        Finding::good(ABOUT, "events arrive while the reply goes on")
    } else if has_begun {
        Finding::doubtful(
            ABOUT,
            "replies arrive whole: progress comes together with the result",
            "let the door stream: a Function URL with RESPONSE_STREAM or a REST API with STREAM, \
             and MCP_LAMBDA_RESPONSE=stream",
        )
    } else {
        Finding::wrong(
            ABOUT,
            "a stream begins and nothing comes",
            "something in front holds events back: switch its buffering off (nginx: \
             proxy_buffering off)",
        )
    });
}
