//! A Lambda function on loopback, for programs that are not tests: `lambda-emulator DOOR PROGRAM`.
//!
//! It writes the URL of the server behind the door to standard error, as a line of JSON, and then
//! what is wrong with the function's replies, until it is killed. The program's environment is this
//! one's.

use std::{process::ExitCode, time::Duration};

use mcp_testing::lambda::{Door, Emulator};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(door), Some(program)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: lambda-emulator DOOR PROGRAM [ARGUMENT]...");
        return ExitCode::from(2);
    };
    let door: Door = match door.parse() {
        Ok(door) => door,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut emulator = Emulator::new(program).timeout(Duration::from_secs(15 * 60));
    for argument in arguments {
        emulator = emulator.arg(&argument);
    }
    let url = match emulator.open(door).await {
        Ok(url) => url,
        Err(error) => {
            eprintln!("cannot listen: {error}");
            return ExitCode::FAILURE;
        }
    };
    eprintln!("{}", json!({ "url": url }));
    let mut told = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let faults = emulator.faults();
        for fault in &faults[told..] {
            eprintln!("{}", json!({ "level": "ERROR", "message": fault }));
        }
        told = faults.len();
    }
}
