//! DynamoDB without AWS: moto's server on a free port of loopback.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{
    Client,
    config::Credentials,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        TimeToLiveSpecification,
    },
};

pub const TABLE: &str = "mcp";

/// A server of moto with the table. It ends with this value.
pub struct Moto {
    child: Child,
    pub url: String,
    pub client: Client,
}

impl Moto {
    /// `None` where there is no moto, which is told loudly, and fails where `CI` is set.
    pub async fn start() -> Option<Self> {
        let Some(program) = program() else {
            let message = "moto_server is not installed: run `cargo xtask test`, which installs it";
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("SKIPPED: {message}");
            return None;
        };
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .load()
            .await;
        let moto = Self { child, url, client: Client::new(&config) };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        moto.create_table().await;
        Some(moto)
    }

    async fn create_table(&self) {
        let attribute = |name: &str| {
            let kind = ScalarAttributeType::S;
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(kind)
                .build()
                .unwrap()
        };
        let key = |name: &str, kind| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
        };
        self.client
            .create_table()
            .table_name(TABLE)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk"))
            .attribute_definitions(attribute("sk"))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .send()
            .await
            .unwrap();
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires");
        self.client
            .update_time_to_live()
            .table_name(TABLE)
            .time_to_live_specification(ttl.build().unwrap())
            .send()
            .await
            .unwrap();
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `cargo xtask test` has installed it.
fn program() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("MOTO_SERVER") {
        return Some(program.into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let program = cache.join("mcp-serve/tools/python-moto-server---5.2.5/bin/moto_server");
    program.exists().then_some(program)
}
