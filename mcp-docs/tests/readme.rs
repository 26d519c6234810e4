//! What the README and the pages that begin with it show is run, as a reader would run it.
//!
//! A shell gets each page's blocks as they stand, but for the port, which is a free one. `cargo run`
//! starts what cargo has built already; `curl` and the programs of the workspace are the real ones.
//! What builds, deploys or comes from elsewhere is left to the other tests (`tests/commands.rs`,
//! `cargo xtask test`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use support::{pages, programs, sandbox::Sandbox};

/// Pages, and what is among the answers that their commands print.
const PAGES: &[(&str, &[&str])] = &[
    ("README.md", &["Top 3 products by revenue in Dallas", "structuredContent"]),
    ("docs/start.md", &["42", "mcpServers"]),
    ("examples/ask/README.md", &["Booked for Ada"]),
    ("examples/durable-task/README.md", &["3.1"]),
    ("examples/front-door/README.md", &["12"]),
    ("examples/gateway/README.md", &["6", "42"]),
    ("examples/hello/README.md", &["42", r#""text":"hello""#, "mcpServers"]),
    ("examples/mount-existing-axum-app/README.md", &["sent", r#""text":"sent""#]),
    ("examples/sales-server/README.md", &["Dallas"]),
    ("examples/websocket/README.md", &["lost: one key"]),
];

/// Pages of which some commands can be run here: what goes before them, how they begin, and what is among the answers.
/// The sandbox's folders hold links to the repository's files, so what writes does it in a folder of its own.
const COMMANDS: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "docs/cli.md",
        "KEY=key\nmkdir elsewhere\ncd elsewhere\nsales-server http\nprintf '{\"n\": 2}' > arguments.json\n",
        &[
            "mcp list http:",
            "mcp call http:",
            "mcp call \"sales-server stdio\"",
            "mcp deploy list ",
            "mcp deploy list ecs-fargate",
            "mcp deploy render lambda-function-url",
            "mcp deploy render ecs-fargate",
            "mcp cost --requests 1000000 ",
            "mcp cost --requests 2000000 --duration-ms",
            "mcp cost --requests 2000000 --load",
            "mcp cost --requests 20000000 --chart",
            "mcp client-config claude-desktop",
            "mcp client-config vscode",
            "mcp client-config adk",
            "mcp new sales-tools",
        ],
        &[
            "top_n_products",
            "Dallas",
            "\"structuredContent\"",
            "CertificateArn",
            "sam deploy",
            "Fargate",
            "now names sales",
            "https://mcp.example.com/mcp",
        ],
    ),
    (
        "docs/transports.md",
        "",
        &["hello http ", "curl -s http://127.0.0.1:8000/rpc", "hello http --legacy-sse"],
        &["42"],
    ),
];

/// What stands in for the programs that are not run.
const LEFT_OUT: &[&str] = &["npx", "sam", "aws", "python"];

/// Starts a server in the place of the one before, and returns once it listens. Other commands of the
/// same program are run to their end.
const SERVER: &str = r#"#!/bin/bash
program='PROGRAM'
case "${1-}" in
    http | ws | "") ;;
    *) exec "$program" "$@" ;;
esac
if [ -s "$SERVING" ]; then
    before=$(cat "$SERVING")
    kill "$before"
    while kill -0 "$before" 2>/dev/null; do sleep 0.05; done
fi
ARGUMENTS
MCP_LISTEN="127.0.0.1:$PORT" "$program" "$@" >/dev/null 2>"$LOG" </dev/null &
echo $! >"$SERVING"
for ((step = 0; step < 2400; step++)); do
    grep -q ":$PORT" "$LOG" && exit
    kill -0 $! 2>/dev/null || break
    sleep 0.05
done
cat "$LOG" >&2
exit 1
"#;

/// Starts what it would have built.
const CARGO: &str = r#"#!/bin/bash
if [ "$1 $2" = "run -p" ]; then
    program=$3
    shift 3
    [ "${1-}" = "--" ] && shift
    exec "$program" "$@"
fi
"#;

#[test]
fn the_commands_of_the_readme_and_its_like_do_what_they_say() {
    let mut faults = Vec::new();
    for (path, wanted) in PAGES {
        match answers(path) {
            Err(said) => faults.push(format!("{path}: {said}")),
            Ok(said) => {
                let failed = said.contains(r#""error":{"#) || said.contains(r#""isError":true"#);
                let missing = wanted.iter().find(|wanted| !said.contains(**wanted));
                if failed || missing.is_some() {
                    faults.push(format!("{path}: an error, or no {missing:?}, in\n{said}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_commands_of_a_reference_do_what_they_say_where_they_need_nothing_but_this_machine() {
    let mut faults = Vec::new();
    for (path, before, beginnings, wanted) in COMMANDS {
        match some_answers(path, before, beginnings) {
            Err(said) => faults.push(format!("{path}: {said}")),
            Ok(said) => {
                let missing = wanted.iter().find(|wanted| !said.contains(**wanted));
                if missing.is_some() {
                    faults.push(format!("{path}: no {missing:?} in\n{said}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The page's address of Redis is a server of the test's own.
#[test]
fn sessions_are_in_redis_after_the_command_that_the_page_shows() {
    if Command::new("redis-server").arg("--version").output().is_err() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "there is no redis-server: install Debian's package of that name"
        );
        eprintln!("SKIPPED: there is no redis-server; `cargo xtask test` installs it");
        return;
    }
    let page = pages().into_iter().find(|page| page.path == "docs/transports.md").unwrap();
    let script = page.script().unwrap();
    let command = script.lines().find(|line| line.contains("--session-store redis://")).unwrap();
    let redis = Redis::start();
    let address = format!("127.0.0.1:{}", redis.port);
    let command = command.replace("10.0.0.5:6379", &address);
    assert!(command.contains(&address), "{command}");
    let sessions = format!("redis-cli -p {} dbsize", redis.port);
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"8"}}}"#;
    let said = run(&format!(
        "{command}\n{sessions}\ncurl -s -i http://127.0.0.1:8000/mcp -H 'Content-Type: application/json' \
         -H 'Accept: application/json, text/event-stream' -d '{initialize}'\necho\n{sessions}"
    ))
    .unwrap();
    assert!(said.to_ascii_lowercase().contains("mcp-session-id: "), "{said}");
    assert_eq!((said.lines().next(), said.lines().last()), (Some("0"), Some("1")), "{said}");
}

/// A server of its own on a free port, that ends with the test.
struct Redis {
    server: Child,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.try_wait().unwrap().is_none(), "redis-server has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { server, port, _folder: folder }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What the commands of a page print that begin so.
fn some_answers(path: &str, before: &str, beginnings: &[&str]) -> Result<String, String> {
    let page = pages().into_iter().find(|page| page.path == path).ok_or("there is no such page")?;
    let script = page.script().ok_or("the page shows no command")?.replace("\\\n", " ");
    let mut chosen = before.to_owned();
    for beginning in beginnings {
        let line = script.lines().find(|line| line.starts_with(beginning));
        chosen += line.ok_or_else(|| format!("the page shows no {beginning:?}"))?;
        chosen.push('\n');
    }
    run(&chosen)
}

/// What the commands of a page print.
fn answers(path: &str) -> Result<String, String> {
    let page = pages().into_iter().find(|page| page.path == path).ok_or("there is no such page")?;
    run(&page.script().ok_or("the page shows no command")?)
}

fn run(script: &str) -> Result<String, String> {
    let sandbox = Sandbox::new(LEFT_OUT);
    // `cargo xtask` is left out, as it is by the stand-in of cargo.
    let words = || script.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let named = |name: &&str| *name != "xtask" && words().any(|word| word == *name);
    for name in programs::names().filter(named) {
        let address = "[ $# -gt 0 ] || set -- \"127.0.0.1:$PORT\"";
        let arguments = if name == "mount-existing-axum-app" { address } else { "" };
        let program = programs::program(name).display().to_string();
        let text = SERVER.replace("PROGRAM", &program).replace("ARGUMENTS", arguments);
        for folder in ["bin", "root/target/debug", "root/target/release"] {
            sandbox.program(&format!("{folder}/{name}"), &text);
        }
    }
    sandbox.program("bin/cargo", CARGO);
    for real in ["curl", "grep", "sleep"] {
        sandbox.real(real);
    }
    if words().any(|word| word == "redis-cli") {
        sandbox.real("redis-cli");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = free.port().to_string();
    sandbox.answers(&script.replace(":8000", &format!(":{port}")), &port)
}
