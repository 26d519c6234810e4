//! The program gives the same answers wherever it runs: over standard streams, over HTTP, and as a
//! function of AWS Lambda.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use mcp_testing::{
    __private::block_on,
    Harness, Moto, MotoAccount,
    lambda::{Door, Emulator},
};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cost-server");

/// What leads the program to an account at moto.
fn environment(account: &MotoAccount) -> [(&'static str, String); 6] {
    [
        ("AWS_ACCESS_KEY_ID", account.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", account.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", account.session_token.clone()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ENDPOINT_URL", Moto::shared().url().to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}

/// A question to each part of the server.
fn questions() -> Vec<(&'static str, Value)> {
    // Not the last days, which are others after midnight.
    let day = (chrono::Utc::now().date_naive() - chrono::Days::new(40)).to_string();
    vec![
        ("whoami", json!({})),
        ("get_budget_status", json!({})),
        ("get-cost-breakdown", json!({ "from": day, "to": day })),
        ("identify_unused_resources", json!({ "services": ["ebs", "rds"] })),
        ("list_waste_checks", json!({ "services": ["ebs"] })),
        ("get_alarm_status", json!({})),
        ("estimate_deployment_cost", json!({ "requests_per_month": 1_000_000, "chart": "svg" })),
        ("text_analyzer", json!({ "text": "It works well.", "analysis_type": "sentiment" })),
        // What fails, fails in the same way.
        ("tail_logs", json!({ "log_group": "/aws/lambda/none" })),
        ("get_server_metrics", json!({ "name": "none" })),
    ]
}

async fn answers(mcp: Harness, questions: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let mut answers = Vec::new();
    for (tool, arguments) in questions {
        let outcome = mcp.try_call(tool, arguments.clone()).await.expect("served");
        let result = outcome.result();
        let mut answer = json!({ "content": result.content, "failed": outcome.is_error() });
        if let Some(structured) = &result.structured_content {
            answer["structured"] = structured.clone();
        }
        answers.push((*tool, answer));
    }
    answers
}

/// The program on a free port, ended with the test.
struct Listening {
    child: Child,
    url: String,
}

impl Listening {
    fn start(account: &MotoAccount) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["http", "--listen", "127.0.0.1:0"])
            .envs(environment(account))
            .env("RUST_LOG", "info")
            .env_remove("AWS_LAMBDA_RUNTIME_API")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, url: String::new() };
        let mut said = String::new();
        while stderr.read_line(&mut said).unwrap() > 0 {
            if let Some(start) = said.rfind("http://127.0.0.1") {
                let url = said[start..].split(['"', ' ', '\n', '\u{1b}']).next();
                server.url = url.unwrap().to_owned();
                // What it says from now on is read and thrown away, so that it never waits.
                std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
                return server;
            }
        }
        panic!("the program did not say where it listens: {said}");
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn answers_are_the_same_over_stdio_over_http_and_on_lambda() {
    block_on(async {
        let account = Moto::shared().account().await;
        let mut command = Command::new(PROGRAM);
        command.arg("stdio").envs(environment(&account)).env_remove("AWS_LAMBDA_RUNTIME_API");
        let questions = questions();
        let over_stdio = answers(Harness::stdio(command).await, &questions).await;
        assert!(over_stdio[0].1["structured"]["account"] == account.id, "{over_stdio:?}");
        let failed: Vec<&str> = over_stdio
            .iter()
            .filter(|(_, answer)| answer["failed"] == true)
            .map(|(tool, _)| *tool)
            .collect();
        assert_eq!(failed, ["tail_logs", "get_server_metrics"], "{over_stdio:?}");

        let listening = Listening::start(&account);
        assert_eq!(answers(Harness::http(&listening.url).await, &questions).await, over_stdio);

        for door in [Door::FunctionUrlStream, Door::HttpApi] {
            let mut function = Emulator::new(PROGRAM);
            for (name, value) in environment(&account) {
                function = function.env(name, &value);
            }
            let on_lambda = answers(Harness::behind(door, function).await, &questions).await;
            assert_eq!(on_lambda, over_stdio, "{door:?}");
        }
    });
}
