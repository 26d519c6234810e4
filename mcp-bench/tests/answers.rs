//! The servers of the comparison do the same work.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use mcp_bench::{
    Call, Connection, Credentials, Dialect, Duplex, LISTED_TOOLS, Load, RunningServer, Setting,
    Subject,
};
use tokio::process::Command;

const SOON: Duration = Duration::from_millis(50);

struct Bench(Credentials);

impl Bench {
    async fn new() -> Self {
        Self(Credentials::issue().await.unwrap())
    }

    fn command(&self, subject: Subject, call: Call) -> Command {
        let programs = std::path::Path::new(env!("CARGO_BIN_EXE_floor")).parent().unwrap();
        let tools = if call.load == Load::List { LISTED_TOOLS } else { 3 };
        subject.command(programs, call, tools, &self.0)
    }

    async fn http(&self, subject: Subject, call: Call) -> String {
        let command = self.command(subject, call);
        let (_server, address) = RunningServer::listening(command, "http").await.unwrap();
        let credentials = subject.credentials(&self.0, 0, 1);
        let mut connection = Connection::open(address, call, &credentials).await.unwrap();
        let answer = connection.learned().to_vec();
        let calls = connection.call_until(Instant::now() + SOON).await.unwrap();
        assert!(calls.count() > 0);
        String::from_utf8(answer).unwrap()
    }

    async fn stdio(&self, subject: Subject, call: Call) -> String {
        let (_server, mut duplex) =
            RunningServer::stdio(self.command(subject, call), call).await.unwrap();
        go_on(&mut duplex, call).await
    }

    async fn web_socket(&self, subject: Subject, call: Call) -> String {
        let command = self.command(subject, call);
        let (_server, address) = RunningServer::listening(command, "ws").await.unwrap();
        go_on(&mut Duplex::over_web_socket(address, call).await.unwrap(), call).await
    }
}

async fn go_on(duplex: &mut Duplex, call: Call) -> String {
    // Where a client writes megabytes before it reads, neither side would go on.
    let in_flight = if call.load == Load::Echo { 1 } else { 64 };
    let answer = duplex.learned().to_vec();
    let calls = duplex.call_until(Instant::now() + SOON, in_flight).await.unwrap();
    assert!(calls.count() > 0);
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_floor_answers_as_ours_does() {
    let bench = Bench::new().await;
    for load in [Load::Add, Load::Same, Load::Echo, Load::Stream, Load::List] {
        let call = Call { dialect: Dialect::Modern, load };
        let [floor, ours] =
            [bench.http(Subject::Floor, call).await, bench.http(Subject::Ours, call).await];
        assert!(floor == ours, "{load:?} over HTTP");
    }
    for load in [Load::Add, Load::Echo, Load::Stream] {
        let call = Call { dialect: Dialect::Modern, load };
        let [floor, ours] =
            [bench.stdio(Subject::Floor, call).await, bench.stdio(Subject::Ours, call).await];
        assert!(floor == ours, "{load:?} over stdio");
        let floor = bench.web_socket(Subject::Floor, call).await;
        assert!(floor == bench.web_socket(Subject::Ours, call).await, "{load:?} over WebSockets");
    }
}

#[tokio::test]
async fn all_servers_answer_legacy_calls() {
    let bench = Bench::new().await;
    let call = Call::add(Dialect::Legacy);
    for subject in [Subject::Floor, Subject::Ours, Subject::Rmcp] {
        bench.http(subject, call).await;
    }
    bench.stdio(Subject::Floor, call).await;
    bench.web_socket(Subject::Floor, call).await;
}

#[tokio::test]
async fn sessions_are_served_by_ours_and_by_rmcp() {
    let bench = Bench::new().await;
    let call = Call::add(Dialect::Session);
    for subject in [Subject::Ours, Subject::Rmcp] {
        bench.http(subject, call).await;
        bench.stdio(subject, call).await;
    }
    bench.web_socket(Subject::Ours, call).await;
}

#[tokio::test]
async fn rmcp_answers_modern_calls() {
    let bench = Bench::new().await;
    for load in [Load::Add, Load::Echo, Load::Stream] {
        let call = Call { dialect: Dialect::Modern, load };
        bench.http(Subject::Rmcp, call).await;
        bench.stdio(Subject::Rmcp, call).await;
    }
}

#[tokio::test]
async fn settings_do_not_change_the_answer() {
    let bench = Bench::new().await;
    let call = Call { dialect: Dialect::Modern, load: Load::Same };
    let plain = bench.http(Subject::Ours, call).await;
    for setting in [
        Setting::NoSchema,
        Setting::Cache,
        Setting::Info,
        Setting::InfoAndMetrics,
        Setting::ApiKey,
        Setting::Jwt,
        Setting::NewJwts,
    ] {
        assert_eq!(bench.http(Subject::OursWith(setting), call).await, plain, "{setting:?}");
    }
}

#[tokio::test]
async fn servers_that_ask_for_credentials_turn_others_away() {
    let bench = Bench::new().await;
    let call = Call::add(Dialect::Modern);
    for setting in [Setting::ApiKey, Setting::Jwt, Setting::NewJwts] {
        let command = bench.command(Subject::OursWith(setting), call);
        let (_server, address) = RunningServer::listening(command, "http").await.unwrap();
        let error = Connection::open(address, call, &[]).await.unwrap_err();
        assert!(error.to_string().contains("401"), "{error}");
    }
}
