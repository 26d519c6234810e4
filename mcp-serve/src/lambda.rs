//! Serving AWS Lambda.

use mcp_core::{Server, Transport as _};
use mcp_transport_lambda::{HttpConfig, LambdaConfig, LambdaError, LambdaTransport, ResponseMode};
use tokio_util::sync::CancellationToken;

use crate::cli::HttpOptions;

/// Whether replies are streamed: see [`ResponseMode`].
pub(crate) const RESPONSE: &str = "MCP_LAMBDA_RESPONSE";
/// The scopes of callers whom IAM has let in.
const IAM_SCOPES: &str = "MCP_IAM_SCOPES";

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
    Ok(LambdaConfig::new(http)
        .response(response)
        .allow_anonymous(options.allow_anonymous)
        .iam_scopes(scopes))
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
