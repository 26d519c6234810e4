use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Says which Python has moto. Set by `cargo xtask test`, which installs it.
const PYTHON: &str = "MCP_TEST_MOTO_PYTHON";

/// Ends with its standard input, so that no server outlives its tests however they end.
const PROGRAM: &str = "\
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
";

/// AWS on loopback: a [moto](https://docs.getmoto.org) server that the tests of a process share.
///
/// Needs the feature `moto`. The server is started by the first test that asks for it and ends with
/// the process. Each test works in a [`MotoAccount`] of its own, so that tests run side by side.
#[derive(Debug)]
pub struct Moto {
    url: String,
    /// Holds the server's standard input open.
    _server: Child,
}

/// An AWS account of a test's own, and credentials for it.
#[derive(Clone, Debug)]
pub struct MotoAccount {
    /// Twelve digits.
    pub id: String,
    /// The access key's identity.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: String,
    /// The session token that goes with the access key.
    pub session_token: String,
}

impl Moto {
    /// The server of this process.
    ///
    /// # Panics
    ///
    /// When there is no moto: neither `MCP_TEST_MOTO_PYTHON` nor `python3` leads to one.
    #[track_caller]
    pub fn shared() -> &'static Self {
        static MOTO: OnceLock<Moto> = OnceLock::new();
        MOTO.get_or_init(Self::start)
    }

    #[track_caller]
    fn start() -> Self {
        let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
        let missing = format!(
            "moto is not there; run the tests with `cargo xtask test`, which installs it, or install \
             `moto[server]` and set {PYTHON} to its Python"
        );
        let mut server = Command::new(python)
            .args(["-c", PROGRAM])
            // It would go on to the real one for what it does not know.
            .env_remove("AWS_ENDPOINT_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect(&missing);
        let mut lines =
            BufReader::new(server.stderr.take().expect("standard error is piped")).lines();
        let mut said = Vec::new();
        let url = loop {
            let Some(Ok(line)) = lines.next() else { panic!("{missing}:\n{}", said.join("\n")) };
            if let Some((_, url)) = line.split_once("Running on ") {
                break url.trim().to_owned();
            }
            said.push(line);
        };
        // A full pipe would stop the server.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { url, _server: server }
    }

    /// Where the server listens: the value for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An account that no other test of this process has.
    ///
    /// # Panics
    ///
    /// When the server makes none.
    pub async fn account(&self) -> MotoAccount {
        static ACCOUNTS: AtomicU64 = AtomicU64::new(1);
        let id = format!("{:012}", 100_000_000_000 + ACCOUNTS.fetch_add(1, Ordering::Relaxed));
        // Moto tells accounts apart by whose role the caller's key was made for.
        let answer = reqwest::Client::new()
            .post(&self.url)
            .header("authorization", authorization("test", "sts"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!(
                "Action=AssumeRole&Version=2011-06-15&RoleSessionName=test&\
                 RoleArn=arn:aws:iam::{id}:role/test"
            ))
            .send()
            .await
            .expect("moto answers");
        let answer = answer.text().await.expect("moto answers text");
        let element = |name: &str| {
            let (_, after) = answer.split_once(&format!("<{name}>"))?;
            Some(after.split_once("</")?.0.to_owned())
        };
        let element = |name| element(name).unwrap_or_else(|| panic!("no {name} in {answer}"));
        MotoAccount {
            id,
            access_key_id: element("AccessKeyId"),
            secret_access_key: element("SecretAccessKey"),
            session_token: element("SessionToken"),
        }
    }

    /// Calls an operation of a service that speaks AWS's JSON protocol, such as
    /// `DynamoDB_20120810.CreateTable` of `dynamodb`, to set a test's stage without that service's SDK.
    ///
    /// # Panics
    ///
    /// When moto refuses.
    pub async fn call(
        &self,
        target: &str,
        service: &str,
        access_key_id: &str,
        body: &serde_json::Value,
    ) -> serde_json::Value {
        let answer = reqwest::Client::new()
            .post(&self.url)
            .header("authorization", authorization(access_key_id, service))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body.to_string())
            .send()
            .await
            .expect("moto answers");
        let status = answer.status();
        let body = answer.text().await.expect("moto answers text");
        assert!(status.is_success(), "{target}: {status}: {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Tells moto itself something: `path` is one of its own, below `/moto-api/`.
    ///
    /// # Panics
    ///
    /// When moto refuses.
    pub async fn set(&self, path: &str, body: &serde_json::Value) {
        let answer = reqwest::Client::new()
            .post(format!("{}/moto-api/{path}", self.url))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .expect("moto answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
}

/// Moto reads whose call it is and to which service, and checks no signature.
fn authorization(access_key_id: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key_id}/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0"
    )
}
