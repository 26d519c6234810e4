//! Two clients of the program, each on a WebSocket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use mcp_testing::{__private::block_on, Changed, Harness};
use websocket::{NOTICES, PutUp};

/// The program on a free port, ended with the test.
struct Listening {
    child: Child,
    url: String,
}

impl Listening {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_websocket"));
        for name in ["AWS_LAMBDA_RUNTIME_API", "MCP_LISTEN", "PORT", "RUST_LOG"] {
            command.env_remove(name);
        }
        let mut child = command
            .args(["ws", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, url: String::new() };
        for line in stderr.lines().map_while(Result::ok) {
            if let Some(start) = line.find("ws://") {
                let url = line[start..].split(['"', ' ', '\u{1b}']).next();
                server.url = url.unwrap().to_owned();
                return server;
            }
        }
        panic!("the program does not say where it listens");
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_one_client_puts_up_the_other_hears_of() {
    let server = Listening::start();
    block_on(async {
        let writer = Harness::web_socket(&server.url).await;
        for (count, reader) in [
            (1, Harness::web_socket(&server.url).await),
            (2, Harness::web_socket(&server.url).legacy().await),
        ] {
            let mut changes = reader.listen(&[NOTICES]).await;
            let put_up = writer.call(PutUp { text: format!("notice {count}") }).await;
            assert_eq!(put_up.text(), count.to_string());
            assert_eq!(changes.next().await, Some(Changed::Resource(NOTICES.to_owned())));
            let read = reader.read_resource(NOTICES).await;
            assert!(format!("{read:?}").contains(&format!("notice {count}")), "{read:?}");
        }
    });
}

#[mcp_testing::test(websocket::server())]
async fn the_tool_is_there_over_every_transport(mcp: Harness) {
    assert_eq!(mcp.call(PutUp { text: "lost: one key".to_owned() }).await.text(), "1");
    let empty = mcp.call(PutUp { text: String::new() }).await;
    assert!(empty.tool_error().contains("text"), "{}", empty.tool_error());
}
