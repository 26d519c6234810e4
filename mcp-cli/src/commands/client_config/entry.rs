use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ClientName, cannot, command};
use crate::{args::ClientConfig, exit::Failure, target::Target};

/// What a client has to know of a server.
pub(super) struct Server {
    pub(super) target: Target,
    /// With the credentials among them.
    pub(super) headers: BTreeMap<String, String>,
}

impl Server {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, Failure> {
        let mut headers = BTreeMap::new();
        for (name, value) in &config.header {
            let value = value
                .to_str()
                .map_err(|_| Failure::usage(format!("the value of {name} is not plain text")))?;
            headers.insert(name.to_string(), value.to_owned());
        }
        if let Some(key) = &config.api_key {
            headers.insert("X-API-Key".to_owned(), key.clone());
        }
        if let Some(token) = &config.bearer {
            headers.insert("Authorization".to_owned(), format!("Bearer {token}"));
        }
        if matches!(config.target, Target::Command(_)) && !headers.is_empty() {
            let message = "a program gets no headers; it takes its secrets from its environment";
            return Err(Failure::usage(message));
        }
        Ok(Self { target: config.target.clone(), headers })
    }
}

/// What stands under the server's name in a client's settings.
pub(super) fn of(client: ClientName, server: &Server) -> Result<Value, Failure> {
    let (kind, url) = match &server.target {
        Target::Command(words) => {
            let mut entry = command(words);
            if matches!(client, ClientName::VsCode | ClientName::ClaudeCode | ClientName::Inspector)
            {
                entry["type"] = json!("stdio");
            }
            return Ok(entry);
        }
        Target::Http(url) => ("http", url),
        Target::HttpSse(url) => ("sse", url),
        target @ (Target::WebSocket(_) | Target::Lambda(_)) => return Err(cannot(client, target)),
    };
    if client == ClientName::ClaudeDesktop {
        return Ok(bridged(kind, url, &server.headers));
    }
    let mut entry = json!({ "url": url });
    // Cursor finds out by itself; the Inspector has a name of its own.
    match (client, kind) {
        (ClientName::Cursor, _) => {}
        (ClientName::Inspector, "http") => entry["type"] = json!("streamable-http"),
        _ => entry["type"] = json!(kind),
    }
    if !server.headers.is_empty() {
        entry["headers"] = json!(server.headers);
    }
    Ok(entry)
}

/// Claude Desktop's file names programs alone: `mcp-remote`, from npm, carries what it says to an
/// address. A header's value goes by the environment, as spaces in arguments do not survive on
/// every system.
fn bridged(kind: &str, url: &str, headers: &BTreeMap<String, String>) -> Value {
    let mut args = vec!["-y".to_owned(), "mcp-remote".to_owned(), url.to_owned()];
    let strategy = if kind == "sse" { "sse-only" } else { "http-only" };
    args.extend(["--transport".to_owned(), strategy.to_owned()]);
    if url.starts_with("http://") {
        args.push("--allow-http".to_owned());
    }
    let mut environment = BTreeMap::new();
    for (number, (name, value)) in headers.iter().enumerate() {
        let variable = format!("MCP_HEADER_{}", number + 1);
        args.extend(["--header".to_owned(), format!("{name}:${{{variable}}}")]);
        environment.insert(variable, value);
    }
    let mut entry = json!({ "command": "npx", "args": args });
    if !environment.is_empty() {
        entry["env"] = json!(environment);
    }
    entry
}
