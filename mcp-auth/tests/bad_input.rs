//! Everything that a stranger may send to the front door, in one table: none of it reaches a tool.
//! What each answer says in detail is tested where it is made.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::*};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mcp_auth::{ApiKeys, Jwt};
use mcp_core::{AnyVerifier, Server, TokenVerifier, ToolPack, Transport as _, tool};
use mcp_transport_sse::{Authentication, HttpConfig, HttpTransport};
use mcp_transport_ws::{WebSocketConfig, WebSocketService};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::issuer::{Issuer, Mood, Signer, now};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

const RESOURCE: &str = "https://mcp.example.com/mcp";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"reach"}}"#;

/// Counts who gets this far.
#[tool]
async fn reach(#[state] reached: &AtomicUsize) -> String {
    reached.fetch_add(1, Ordering::SeqCst);
    "reached".into()
}

/// A server for one caller with the key `key`, and for whom an issuer names.
struct Guarded {
    address: SocketAddr,
    reached: Arc<AtomicUsize>,
    _task: JoinSet<std::io::Result<()>>,
}

impl Guarded {
    async fn start(issuer: &Issuer) -> Self {
        let digests = ["key", "other"].map(|key| {
            let hex: String =
                Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{key} sha256:{hex}")
        });
        let keys: Arc<dyn TokenVerifier> = Arc::new(ApiKeys::parse(&digests.join(",")).unwrap());
        let jwt = Jwt::new(&*issuer.url).audience(RESOURCE).timeout(Duration::from_secs(5));
        let verifier = Arc::new(AnyVerifier::new([keys, Arc::new(jwt.build().unwrap())]));
        let config = HttpConfig::new().authentication(Authentication::new(verifier));
        let reached = Arc::<AtomicUsize>::default();
        let pack = ToolPack::with_shared("guarded", Arc::clone(&reached)).tool::<reach>();
        let server = Server::builder("guarded", "1.0").pack(pack).build();
        let sockets = WebSocketConfig::new().http(config.clone()).max_message(1000);
        let sockets = WebSocketService::new(server.clone(), sockets);
        let transport = HttpTransport::bind("127.0.0.1:0").await.unwrap();
        let address = transport.local_addr().unwrap();
        let transport = transport.config(config).legacy_sse(true).mount("/ws", sockets);
        let mut task = JoinSet::new();
        task.spawn(transport.serve(server, CancellationToken::new()));
        Self { address, reached, _task: task }
    }

    fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }

    /// What the server answers to these bytes, until it closes or has said what it has to.
    async fn send(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(60), reading).await;
        // What was refused before it was read to its end is reset.
        let _ = read.expect("the server neither answers nor closes");
        answer
    }

    /// The status of the answer to a call with these header lines.
    async fn status(&self, headers: &str) -> u16 {
        self.status_of("POST", "/mcp", headers, CALL).await
    }

    async fn status_of(&self, method: &str, path: &str, headers: &str, body: &str) -> u16 {
        let host = if headers.contains("host:") { "" } else { "host: localhost\r\n" };
        let length = if headers.contains("content-length:") {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}{length}connection: close\r\n{headers}\r\n{body}"
        );
        let answer = self.send(request.as_bytes()).await;
        status(&answer)
    }

    /// Opens a legacy session of the caller with this key.
    async fn session(&self, key: &str) -> String {
        let body = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "test", "version": "0"},
            },
        })
        .to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-api-key: {key}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = String::from_utf8(self.send(request.as_bytes()).await).unwrap();
        let lines = answer.lines();
        let mut sessions = lines.filter_map(|line| line.strip_prefix("mcp-session-id: "));
        sessions.next().unwrap_or_else(|| panic!("no session: {answer}")).to_owned()
    }
}

fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// A frame as a client sends it, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[first, 0x80 | 126, length[0], length[1], 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn nothing_bad_reaches_a_tool() {
    let (issuer, signer, stranger) =
        (Issuer::start().await, Signer::new("one"), Signer::new("one"));
    issuer.publish(&[&signer]);
    let server = Guarded::start(&issuer).await;
    let good = signer.token(&issuer.claims());
    let claim = |name: &str, value: Value| bearer(&signer.token(&issuer.claims_with(name, value)));
    let unsigned = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let none =
        format!("{}.{}.", unsigned(r#"{"alg":"none"}"#), unsigned(&issuer.claims().to_string()));
    let secret = EncodingKey::from_secret(signer.pem().as_bytes());
    let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
    let shared = encode(&header, &issuer.claims(), &secret).unwrap();
    let good = bearer(&good);
    let modern = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\n";

    // Tokens and keys.
    for (what, headers, expected) in [
        ("no credential", String::new(), 401),
        ("another scheme", "authorization: Basic a2V5OmtleQ==\r\n".into(), 401),
        ("a wrong token", bearer("nonsense"), 401),
        ("a wrong key", "x-api-key: kex\r\n".into(), 401),
        ("an expired token", claim("exp", json!(now() - 120)), 401),
        ("alg none", bearer(&none), 401),
        ("a shared secret", bearer(&shared), 401),
        ("the wrong key's signature", bearer(&stranger.token(&issuer.claims())), 401),
        ("another audience", claim("aud", json!("https://other.example")), 401),
        ("another issuer", claim("iss", json!("https://evil.example")), 401),
        ("not yet valid", claim("nbf", json!(now() + 600)), 401),
        ("issued in the future", claim("iat", json!(now() + 600)), 401),
        ("an oversized token", claim("padding", json!("x".repeat(16 * 1024))), 401),
        ("an oversized key", format!("x-api-key: {}\r\n", "k".repeat(17 * 1024)), 401),
        // Refused for certain above twice the limit: hyper's buffer grows by doubling.
        ("an oversized head", format!("x-api-key: {}\r\n", "k".repeat(200 * 1024)), 431),
        // Headers that contradict each other, beside a good credential.
        ("two tokens", good.repeat(2), 400),
        ("two keys", "x-api-key: key\r\n".repeat(2), 400),
        ("a token and a key", format!("{good}x-api-key: key\r\n"), 400),
        ("two versions", format!("{good}{modern}mcp-protocol-version: 2025-06-18\r\n"), 400),
        ("another method than the body", format!("{good}{modern}").replace("call", "list"), 400),
        ("another tool than the body", format!("{good}{modern}mcp-name: other\r\n"), 400),
        ("two lengths", format!("{good}content-length: 5\r\ncontent-length: 72\r\n"), 400),
        ("no length that it could be", format!("{good}content-length: -1\r\n"), 400),
        // Who must not be served, whatever they show.
        ("a foreign origin", format!("{good}origin: https://evil.example\r\n"), 403),
        ("no origin that it could be", format!("{good}origin: null\r\n"), 403),
        (
            "two origins",
            format!("{good}origin: http://localhost\r\norigin: https://evil.example\r\n"),
            403,
        ),
        ("a foreign host", format!("{good}host: evil.example\r\n"), 403),
        ("two hosts", format!("{good}host: localhost\r\nhost: evil.example\r\n"), 403),
        // Sessions that are not the caller's.
        ("a guessed session", format!("{good}mcp-session-id: 00000000-guessed\r\n"), 404),
        ("a session that is no text", format!("{good}mcp-session-id: \u{7f}\r\n"), 400),
    ] {
        let answered = server.status(&headers).await;
        assert!(
            answered == expected || (answered == 404 && what.contains("no text")),
            "{what}: {answered}"
        );
        assert_eq!(server.reached(), 0, "{what} has reached a tool");
    }

    // Sessions of another caller, by every method.
    let session = server.session("key").await;
    for (method, body) in [("POST", CALL), ("GET", ""), ("DELETE", "")] {
        let headers = format!("x-api-key: other\r\nmcp-session-id: {session}\r\n");
        assert_eq!(server.status_of(method, "/mcp", &headers, body).await, 404, "{method}");
    }
    // The other doors of the same house.
    for path in ["/rpc", "/sse", "/messages?sessionId=guessed", "/metrics"] {
        let answered = server.status_of("POST", path, &bearer("nonsense"), CALL).await;
        assert!([401, 404].contains(&answered), "{path}: {answered}");
    }
    assert_eq!(server.status_of("POST", "/messages?sessionId=guessed", &good, CALL).await, 404);
    assert_eq!(server.reached(), 0);

    // WebSockets: before they are one,
    let upgrade = |more: &str| {
        format!(
            "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        )
    };
    let mcp = "sec-websocket-protocol: mcp\r\n";
    for (what, more, expected) in [
        ("no credential", mcp.to_owned(), 401),
        ("a wrong token", format!("{mcp}{}", bearer("nonsense")), 401),
        ("no subprotocol", good.clone(), 400),
        ("another subprotocol", format!("{good}sec-websocket-protocol: chat\r\n"), 400),
        ("a foreign origin", format!("{good}{mcp}origin: https://evil.example\r\n"), 403),
    ] {
        let mut bytes = upgrade(&format!("{more}connection: close\r\n")).into_bytes();
        bytes.extend(frame(0x81, CALL.as_bytes()));
        assert_eq!(status(&server.send(&bytes).await), expected, "a WebSocket with {what}");
    }
    // and once they are.
    let call = CALL.as_bytes();
    for (what, frames, code) in [
        ("a binary message", frame(0x82, call), 1003_u16),
        ("an oversized message", frame(0x81, &[b' '; 1001]), 1009),
        (
            "oversized fragments",
            [frame(0x01, &[b' '; 600]), frame(0x80, &[b' '; 600])].concat(),
            1009,
        ),
        ("a fragment of nothing", frame(0x80, call), 1002),
        ("a message within another", [frame(0x01, b"{"), frame(0x81, call)].concat(), 1002),
        ("text that is none", frame(0x81, b"\"\xff\""), 1007),
        ("a frame without a mask", [&[0x81, 0x02], &b"{}"[..]].concat(), 1002),
    ] {
        let bytes = [upgrade(&format!("{good}{mcp}")).into_bytes(), frames].concat();
        let answer = server.send(&bytes).await;
        assert_eq!(status(&answer), 101, "{what}");
        let closed = [&[0x88][..], &code.to_be_bytes()].concat();
        let has_code = answer.windows(4).any(|bytes| bytes[0] == 0x88 && bytes[2..] == closed[1..]);
        assert!(has_code, "{what}: {answer:?}");
        assert_eq!(server.reached(), 0, "{what} has reached a tool");
    }

    // An issuer whose keys cannot be had, to servers that have none yet.
    for (mood, expected) in [
        (Mood::Down, 503),
        (Mood::Silent, 503),
        (Mood::Says("nonsense".into()), 503),
        (Mood::Says("{}".into()), 503),
        (Mood::Endless, 503),
        (Mood::Redirects("https://evil.example".into()), 503),
    ] {
        issuer.set(mood.clone());
        let server = Guarded::start(&issuer).await;
        assert_eq!(server.status(&good).await, expected, "{mood:?}");
        assert_eq!(server.reached(), 0, "{mood:?}");
    }

    // The tool is there, and its callers are served.
    issuer.set(Mood::Well);
    let key = "x-api-key: key\r\n";
    let own = format!("{key}mcp-session-id: {session}\r\naccept: application/json\r\n");
    for headers in [&*good, key, &own] {
        assert_eq!(server.status(headers).await, 200, "{headers}");
    }
    assert_eq!(server.reached(), 3);
}
