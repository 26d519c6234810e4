//! `mcp client-config`: how a client is told of a server.

mod entry;
mod file;
mod snippet;

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{args::ClientConfig, exit::Failure, output, target::Target};

/// A client that can be told of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClientName {
    ClaudeDesktop,
    ClaudeCode,
    #[value(name = "vscode")]
    VsCode,
    Cursor,
    /// The MCP Inspector's `--config` file.
    Inspector,
    /// Google's Agent Development Kit, in Python.
    Adk,
    /// LangChain, in Python.
    Langchain,
    /// A line for a shell.
    Curl,
    /// Python's `requests`.
    Requests,
}

pub(super) fn run(config: ClientConfig, is_json: bool) -> Result<(), Failure> {
    let server = entry::Server::new(&config)?;
    let Some(keeper) = config.client.file() else {
        if config.write {
            let message = "this client is a program of one's own: there is no file to write to";
            return Err(Failure::usage(message));
        }
        let text = snippet::of(config.client, &server)?;
        return if is_json {
            output::print_json(&json!({ "text": text }))
        } else {
            output::print(&text)
        };
    };
    let entry = entry::of(config.client, &server)?;
    if !config.write {
        let whole = json!({ keeper.key: { &config.name: entry } });
        if !is_json {
            let path = config.file.or_else(keeper.path);
            let path = path
                .map_or_else(|| "the client's settings".into(), |path| path.display().to_string());
            anstream::eprintln!("For {path}; --write puts it there:");
        }
        return output::print_json(&whole);
    }
    let path = config.file.or_else(keeper.path).ok_or_else(|| {
        Failure::usage("where the client keeps its settings is not known here: pass --file")
    })?;
    let change = file::add(&path, keeper.key, &config.name, &entry, keeper.has_comments)?;
    if is_json {
        return output::print_json(&json!({
            "file": path, "backup": change.backup, "changed": change.is_changed,
        }));
    }
    let mut text = match change.is_changed {
        true => format!("{} now names {}.", path.display(), config.name),
        false => format!("{} named {} like that already.", path.display(), config.name),
    };
    if let Some(backup) = change.backup {
        text += &format!(" What it was before is in {}.", backup.display());
    }
    output::print(&text)
}

/// Where a client keeps its servers.
struct Keeper {
    key: &'static str,
    path: fn() -> Option<PathBuf>,
    has_comments: bool,
}

impl ClientName {
    fn file(self) -> Option<Keeper> {
        let keeper = |path| Keeper { key: "mcpServers", path, has_comments: false };
        match self {
            Self::ClaudeDesktop => Some(keeper(claude_desktop)),
            Self::ClaudeCode => Some(keeper(|| Some(".mcp.json".into()))),
            Self::Cursor => Some(keeper(|| Some(home()?.join(".cursor").join("mcp.json")))),
            Self::Inspector => Some(keeper(|| Some("mcp.json".into()))),
            Self::VsCode => Some(Keeper {
                key: "servers",
                path: || Some(PathBuf::from(".vscode").join("mcp.json")),
                has_comments: true,
            }),
            Self::Adk | Self::Langchain | Self::Curl | Self::Requests => None,
        }
    }
}

fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// As the application has it on each system.
fn claude_desktop() -> Option<PathBuf> {
    let folder = if cfg!(target_os = "macos") {
        home()?.join("Library").join("Application Support")
    } else if cfg!(windows) {
        PathBuf::from(std::env::var_os("APPDATA")?)
    } else {
        match std::env::var_os("XDG_CONFIG_HOME") {
            Some(folder) if !folder.is_empty() => PathBuf::from(folder),
            _ => home()?.join(".config"),
        }
    };
    Some(folder.join("Claude").join("claude_desktop_config.json"))
}

/// The target's own command line is what a client starts.
fn command(words: &[String]) -> Value {
    json!({ "command": words[0], "args": words[1..] })
}

/// Why a client cannot be told of a target.
fn cannot(client: ClientName, target: &Target) -> Failure {
    let client =
        client.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let target = match target {
        Target::Command(_) => "a program",
        Target::Http(_) => "Streamable HTTP",
        Target::HttpSse(_) => "HTTP+SSE",
        Target::WebSocket(_) => "WebSockets",
        Target::Lambda(_) => "functions of AWS Lambda",
    };
    Failure::usage(format!("{client} does not speak to {target}; give the address of its /mcp"))
}
