//! A notice board. Clients hold one connection, call tools over it, and hear over it, without asking,
//! when somebody else has put up a notice.

use std::sync::{Mutex, PoisonError};

use mcp_serve::{
    Call, Notifier, Resource, Server, Tool, ToolContext, ToolError, ToolErrorKind, ToolPack,
    ToolResult,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is on the board; clients subscribe to it.
pub const NOTICES: &str = "board://notices";

/// The server, for `main` and for tests.
pub fn server() -> Server {
    let builder = Server::builder("websocket", env!("CARGO_PKG_VERSION"));
    let board = Board { notices: Mutex::default(), notifier: builder.notifier() };
    let notices = Resource::new(NOTICES, "notices");
    let pack = ToolPack::new("board", board)
        .tool::<PutUp>()
        .resource_fn(notices, |board, _cx| async move { Ok(board.read().join("\n")) });
    builder.pack(pack).build()
}

/// How many notices there is room for.
const ROOM: usize = 100;

/// A board, and who tells its readers.
#[derive(Debug)]
struct Board {
    notices: Mutex<Vec<String>>,
    notifier: Notifier,
}

impl Board {
    fn read(&self) -> Vec<String> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Puts a notice up on the board, where all can read it.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(open_world = false)]
pub struct PutUp {
    /// The notice.
    #[schemars(length(min = 1, max = 500))]
    pub text: String,
}

impl Call<Board> for PutUp {
    type Output = usize;

    async fn call(self, board: &Board, _cx: &ToolContext) -> ToolResult<usize> {
        let count = {
            let mut notices = board.notices.lock().unwrap_or_else(PoisonError::into_inner);
            if notices.len() == ROOM {
                let message = "the board is full: nothing more can be put up";
                return Err(ToolError::new(ToolErrorKind::Unavailable, message));
            }
            notices.push(self.text);
            notices.len()
        };
        board.notifier.resource_updated(NOTICES);
        Ok(count)
    }
}
