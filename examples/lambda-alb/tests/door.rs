//! The program behind its door.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use hello::{add, count};
use mcp_testing::{
    __private::block_on,
    Harness,
    lambda::{Door, Emulator},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lambda-alb");

#[test]
fn clients_of_both_eras_call_tools() {
    block_on(async {
        for door in [Door::Alb, Door::AlbMultiValue] {
            for legacy in [false, true] {
                let connect = Harness::behind(door, Emulator::new(PROGRAM));
                let mcp = if legacy { connect.legacy().await } else { connect.await };
                assert_eq!(mcp.call(add { a: 2, b: 40 }).await.text(), "42");
                let counted = mcp.call(count { n: 3 }).await;
                assert_eq!(counted.text(), "counted to 3");
                assert_eq!(counted.progress().len(), 3, "{door:?}");
            }
        }
    });
}
