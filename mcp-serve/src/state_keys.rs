//! The keys that replicas share, from the environment.

use mcp_core::{Server, StateKeyError, StateKeys};

/// Where the keys stand: 32 bytes in hexadecimal each, separated by commas. The first seals, all of
/// them open.
pub(crate) const VARIABLE: &str = "MCP_STATE_KEY";

/// What is set where a server rarely runs alone.
const SEVERAL: [&str; 4] = [
    "ECS_CONTAINER_METADATA_URI_V4",
    "ECS_CONTAINER_METADATA_URI",
    "KUBERNETES_SERVICE_HOST",
    "AWS_LAMBDA_FUNCTION_NAME",
];

/// Gives the server its keys, unless its builder has.
pub(crate) fn set(
    server: &Server,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), StateKeyError> {
    match variable(VARIABLE) {
        Some(text) => {
            let keys = StateKeys::from_hex(&text)?;
            if !server.set_state_keys(keys) {
                tracing::debug!("{VARIABLE} is not used: the server has keys of its own");
            }
        }
        None => {
            if !server.has_state_keys()
                && let Some(sign) = SEVERAL.into_iter().find(|name| variable(name).is_some())
            {
                tracing::warn!(
                    "{VARIABLE} is not set, and {sign} is: if there are several replicas, a call \
                     that asks its user can only go on at the one that asked; give all of them one \
                     key of 32 bytes in hexadecimal"
                );
            }
        }
    }
    Ok(())
}
