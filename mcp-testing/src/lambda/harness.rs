//! The harness behind a function's doors.

use std::{io, time::Duration};

use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::sync::mpsc;

use super::{Door, Emulator, Outcome};
use crate::Harness;

/// The messages that the client may lag behind.
const MESSAGES_IN_FLIGHT: usize = 16;

impl Emulator {
    /// Sets the program up as a deployment behind this door does: whether to stream, who may call,
    /// and the key that all processes share. What the test has set itself stays.
    pub(crate) async fn deployed_behind(mut self, door: Door) -> Self {
        let mode = if door.streams() { "stream" } else { "buffered" };
        // Known to everyone, and good for nothing but tests.
        let key = "0123456789abcdef".repeat(4);
        #[cfg(feature = "web-socket-api")]
        if door == Door::WebSocketApi && !self.has_env(web_socket_api::TABLE) {
            self = web_socket_api::with_table(self).await;
        }
        for (name, value) in [
            ("MCP_LAMBDA_RESPONSE", mode),
            ("MCP_ALLOW_ANONYMOUS", "true"),
            ("MCP_STATE_KEY", key.as_str()),
        ] {
            if !self.has_env(name) {
                self = self.env(name, value);
            }
        }
        self
    }
}

/// Runs a test of a program behind each of these doors, with a client of each protocol era.
///
/// ```no_run
/// use mcp_testing::lambda::{Door, at_doors};
///
/// at_doors("target/debug/hello", &[Door::FunctionUrl, Door::Alb], async |mcp| {
///     assert!(!mcp.list_tools().await.is_empty());
/// });
/// ```
///
/// # Panics
///
/// When the test does, or takes more than two minutes behind one door.
pub fn at_doors(program: &str, doors: &[Door], test: impl AsyncFn(Harness)) {
    for door in doors {
        for legacy in [false, true] {
            crate::__private::block_on(async {
                let connect = Harness::behind(*door, Emulator::new(program));
                test(if legacy { connect.legacy().await } else { connect.await }).await;
            });
        }
    }
}

/// What a function behind a WebSocket API needs besides.
#[cfg(feature = "web-socket-api")]
mod web_socket_api {
    use std::sync::Arc;

    use mcp_state_aws::{ApiGatewayConnections, DynamoDbConnectionStore};
    use mcp_transport_lambda::LambdaConfig;
    use serde_json::json;

    use super::Emulator;
    use crate::Moto;

    /// Names the table of connections, here as for `mcp_serve::run`.
    pub(super) const TABLE: &str = "MCP_CONNECTION_TABLE";

    /// Makes a table, in an account that nobody else has.
    pub(super) async fn with_table(function: Emulator) -> Emulator {
        let account = Moto::shared().account().await;
        let table = json!({
            "TableName": "mcp",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "S" },
            ],
            "KeySchema": [
                { "AttributeName": "pk", "KeyType": "HASH" },
                { "AttributeName": "sk", "KeyType": "RANGE" },
            ],
        });
        let create = "DynamoDB_20120810.CreateTable";
        Moto::shared().call(create, "dynamodb", &account.access_key_id, &table).await;
        function
            .env(TABLE, "mcp")
            .env("AWS_ENDPOINT_URL_DYNAMODB", Moto::shared().url())
            .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
            .env("AWS_SESSION_TOKEN", &account.session_token)
    }

    /// Serves the connections of the table that the environment names.
    pub(super) fn config(config: LambdaConfig) -> LambdaConfig {
        let Ok(table) = std::env::var(TABLE) else { return config };
        let store = DynamoDbConnectionStore::new(table);
        config.connections(Arc::new(store), Arc::new(ApiGatewayConnections::new()))
    }
}

/// A client's transport that invokes a function with each message.
pub(crate) struct Invoking {
    emulator: std::sync::Arc<Emulator>,
    to_client: mpsc::Sender<Vec<u8>>,
    from_server: mpsc::Receiver<Vec<u8>>,
}

impl Invoking {
    pub(crate) fn new(emulator: std::sync::Arc<Emulator>) -> Self {
        let (to_client, from_server) = mpsc::channel(MESSAGES_IN_FLIGHT);
        Self { emulator, to_client, from_server }
    }
}

impl Transport<RoleClient> for Invoking {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let event =
            serde_json::to_vec(&message).expect("a client's message can be written as JSON");
        let (emulator, to_client) = (std::sync::Arc::clone(&self.emulator), self.to_client.clone());
        tokio::spawn(async move {
            match emulator.invoke(event, None).await {
                // What wants no answer gets none.
                Outcome::Answered(reply) if &reply[..] == b"null" => {}
                Outcome::Answered(reply) => drop(to_client.send(reply.to_vec()).await),
                other => panic!("the invocation came to {other:?}"),
            }
        });
        std::future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let text = self.from_server.recv().await?;
        let message = serde_json::from_slice(&text).unwrap_or_else(|error| {
            panic!(
                "the function said what is no message ({error}): {}",
                String::from_utf8_lossy(&text)
            )
        });
        Some(message)
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        Ok(())
    }
}

/// What the macro expands to. Not a public API.
#[doc(hidden)]
pub mod private {
    use mcp_core::{Server, StateKeys, Transport as _};
    use mcp_transport_lambda::{HttpConfig, LambdaConfig, LambdaTransport};
    use tokio_util::sync::CancellationToken;

    use super::{Door, Duration, Emulator};

    /// Tells this binary that it is a function, and not running tests.
    const VARIABLE: &str = "MCP_TESTING_LAMBDA_FUNCTION";

    /// This test binary as a function, whose server is in this test.
    #[allow(clippy::missing_panics_doc, reason = "a failure is a failed test")]
    pub fn this_binary(test: &str) -> Emulator {
        let (_, test) = test.split_once("::").unwrap_or(("", test));
        let binary = std::env::current_exe().expect("a process knows its program");
        Emulator::new(binary)
            .arg(test)
            .arg("--exact")
            .arg("--nocapture")
            .env(VARIABLE, "1")
            .timeout(Duration::from_secs(100))
    }

    /// The same, set up as a deployment behind a door does it.
    pub async fn deployed(function: Emulator, door: Door) -> Emulator {
        function.deployed_behind(door).await
    }

    /// Serves Lambda, if that is what this process is for.
    #[allow(clippy::missing_panics_doc, reason = "a failure is a failed test")]
    pub fn serve<F: Future<Output = Server>>(server: impl FnOnce() -> F) {
        let variable = |name: &str| std::env::var(name).ok();
        if variable(VARIABLE).is_none() {
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async {
            let server = server().await;
            let keys = variable("MCP_STATE_KEY").expect("the harness sets it");
            server.set_state_keys(StateKeys::from_hex(&keys).expect("they are keys"));
            let mode = variable("MCP_LAMBDA_RESPONSE").expect("the harness sets it");
            let config = LambdaConfig::new(HttpConfig::new())
                .allow_anonymous(variable("MCP_ALLOW_ANONYMOUS").as_deref() == Some("true"))
                .response(mode.parse().expect("it is a mode"));
            #[cfg(feature = "web-socket-api")]
            let config = super::web_socket_api::config(config);
            let transport = LambdaTransport::new().config(config);
            transport.serve(server, CancellationToken::new()).await.expect("the function serves");
        });
    }
}
