//! What the README and the pages that begin with it show is run, as a reader would run it.
//!
//! A shell gets each page's blocks as they stand, but for the port, which is a free one. `cargo run`
//! starts what cargo has built already; `curl` and the programs of the workspace are the real ones.
//! What builds, deploys or comes from elsewhere is left to the other tests (`tests/commands.rs`,
//! `cargo xtask test`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;

use support::{pages, programs, sandbox::Sandbox};

/// Pages, and what is among the answers that their commands print.
const PAGES: &[(&str, &[&str])] = &[
    ("README.md", &[r#""isError":false"#, "Dallas"]),
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
until grep -q ":$PORT" "$LOG"; do
    kill -0 $! 2>/dev/null || { cat "$LOG" >&2; exit 1; }
    sleep 0.05
done
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
    for (path, wanted) in PAGES {
        let page = pages().into_iter().find(|page| page.path == *path);
        let page = page.unwrap_or_else(|| panic!("there is no {path}"));
        let script = page.script().unwrap_or_else(|| panic!("{path} shows no command"));
        let sandbox = Sandbox::new(LEFT_OUT);
        for name in programs::names().filter(|name| script.contains(name)) {
            let address = "[ $# -gt 0 ] || set -- \"127.0.0.1:$PORT\"";
            let arguments = if name == "mount-existing-axum-app" { address } else { "" };
            let program = programs::program(name).display().to_string();
            let text = SERVER.replace("PROGRAM", &program).replace("ARGUMENTS", arguments);
            for folder in ["bin", "root/target/debug", "root/target/release"] {
                sandbox.program(&format!("{folder}/{name}"), &text);
            }
        }
        sandbox.program("bin/cargo", CARGO);
        for real in ["curl", "grep", "kill", "sleep"] {
            sandbox.real(real);
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = free.port().to_string();
        let said = sandbox.answers(&script.replace(":8000", &format!(":{port}")), &port);
        let said = said.unwrap_or_else(|said| panic!("{path}: {said}"));
        assert!(
            !said.contains(r#""error":{"#) && !said.contains(r#""isError":true"#),
            "{path}: {said}"
        );
        for wanted in *wanted {
            assert!(said.contains(wanted), "{path}: {wanted} is not in the answers:\n{said}");
        }
    }
}
