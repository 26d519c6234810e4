//! The program behind its door.

use hello::{add, count};
use mcp_testing::lambda::{Door, at_doors};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lambda-rest-api");

#[test]
fn clients_of_both_eras_call_tools() {
    at_doors(PROGRAM, &[Door::RestApi, Door::RestApiStream], async |mcp| {
        assert_eq!(mcp.call(add { a: 2, b: 40 }).await.text(), "42");
        let counted = mcp.call(count { n: 3 }).await;
        assert_eq!(counted.text(), "counted to 3");
        assert_eq!(counted.progress().len(), 3);
    });
}
