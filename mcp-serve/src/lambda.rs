//! Serving AWS Lambda.

use mcp_core::{Server, Transport as _};
use mcp_transport_lambda::{HttpConfig, LambdaConfig, LambdaError, LambdaTransport, ResponseMode};
use tokio_util::sync::CancellationToken;

use crate::cli::HttpOptions;

/// Whether replies are streamed: see [`ResponseMode`].
pub(crate) const RESPONSE: &str = "MCP_LAMBDA_RESPONSE";
/// The scopes of callers whom IAM has let in.
const IAM_SCOPES: &str = "MCP_IAM_SCOPES";
/// The table of DynamoDB for the connections of a WebSocket API.
const CONNECTION_TABLE: &str = "MCP_CONNECTION_TABLE";

pub(crate) fn config(
    http: HttpConfig,
    options: &HttpOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<LambdaConfig, mcp_transport_lambda::ResponseModeError> {
    let response = match variable(RESPONSE) {
        Some(mode) => mode.parse()?,
        None => ResponseMode::default(),
    };
    let scopes = variable(IAM_SCOPES).unwrap_or_default();
    let scopes = scopes.split([',', ' ']).filter(|scope| !scope.is_empty());
    let config = LambdaConfig::new(http)
        .response(response)
        .allow_anonymous(options.allow_anonymous)
        .iam_scopes(scopes);
    Ok(match variable(CONNECTION_TABLE) {
        Some(table) => with_connections(config, table),
        None => config,
    })
}

#[cfg(feature = "web-socket-api")]
fn with_connections(config: LambdaConfig, table: String) -> LambdaConfig {
    use std::sync::Arc;

    use mcp_state_aws::{ApiGatewayConnections, DynamoDbConnectionStore};

    let store = DynamoDbConnectionStore::new(table);
    config.connections(Arc::new(store), Arc::new(ApiGatewayConnections::new()))
}

#[cfg(not(feature = "web-socket-api"))]
fn with_connections(config: LambdaConfig, _table: String) -> LambdaConfig {
    tracing::error!(
        "{CONNECTION_TABLE} is set, but this binary was built without the feature `web-socket-api` \
         of mcp-serve: clients of a WebSocket API cannot connect"
    );
    config
}

pub(crate) async fn serve(
    server: Server,
    config: LambdaConfig,
    hear_shutdown: bool,
    shutdown: CancellationToken,
) -> Result<(), LambdaError> {
    let transport = LambdaTransport::new().config(config).hear_shutdown(hear_shutdown);
    transport.serve(server, shutdown).await
}
