//! The servers of the comparison do the same work.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use mcp_bench::{Connection, Dialect, RunningServer, Subject};
use tokio::process::Command;

fn command(subject: Subject, dialect: Dialect) -> Command {
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_floor")).parent().unwrap();
    subject.command(programs, dialect)
}

async fn http_answer(subject: Subject, dialect: Dialect) -> Vec<u8> {
    let (_server, address) = RunningServer::http(command(subject, dialect)).await.unwrap();
    let mut connection = Connection::open(address, dialect).await.unwrap();
    let answer = connection.learned().to_vec();
    let calls = connection.call_until(Instant::now() + Duration::from_millis(50)).await.unwrap();
    assert!(calls.count() > 0);
    answer
}

async fn stdio_answer(subject: Subject, dialect: Dialect) -> Vec<u8> {
    let (_server, mut pipe) =
        RunningServer::stdio(command(subject, dialect), dialect).await.unwrap();
    let answer = pipe.learned().to_vec();
    let calls = pipe.call_until(Instant::now() + Duration::from_millis(50), 64).await.unwrap();
    assert!(calls.count() > 0);
    answer
}

#[tokio::test]
async fn the_floor_answers_modern_calls_as_ours_does() {
    let floor = http_answer(Subject::Floor, Dialect::Modern).await;
    let ours = http_answer(Subject::Ours, Dialect::Modern).await;
    assert_eq!(String::from_utf8(floor).unwrap(), String::from_utf8(ours).unwrap());
}

#[tokio::test]
async fn the_floor_answers_modern_lines_as_ours_does() {
    let floor = stdio_answer(Subject::Floor, Dialect::Modern).await;
    let ours = stdio_answer(Subject::Ours, Dialect::Modern).await;
    assert_eq!(String::from_utf8(floor).unwrap(), String::from_utf8(ours).unwrap());
}

#[tokio::test]
async fn the_floor_lists_the_tools_as_ours_does() {
    let floor = http_answer(Subject::Floor, Dialect::List).await;
    let ours = http_answer(Subject::Ours, Dialect::List).await;
    assert_eq!(String::from_utf8(floor).unwrap(), String::from_utf8(ours).unwrap());
}

#[tokio::test]
async fn all_servers_answer_legacy_calls() {
    for subject in [Subject::Floor, Subject::Ours, Subject::Rmcp] {
        http_answer(subject, Dialect::Legacy).await;
    }
    stdio_answer(Subject::Floor, Dialect::Legacy).await;
}

#[tokio::test]
async fn sessions_are_served_by_ours_and_by_rmcp() {
    for subject in [Subject::Ours, Subject::Rmcp] {
        http_answer(subject, Dialect::Session).await;
        stdio_answer(subject, Dialect::Session).await;
    }
}

#[tokio::test]
async fn rmcp_answers_modern_calls() {
    http_answer(Subject::Rmcp, Dialect::Modern).await;
    stdio_answer(Subject::Rmcp, Dialect::Modern).await;
}
