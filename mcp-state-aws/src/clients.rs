//! The configuration that all clients share.

use aws_config::{BehaviorVersion, SdkConfig};
use tokio::sync::OnceCell;

/// What the environment says about AWS: region, credentials, `AWS_ENDPOINT_URL`. Read once.
pub(crate) async fn config() -> &'static SdkConfig {
    static CONFIG: OnceCell<SdkConfig> = OnceCell::const_new();
    CONFIG
        .get_or_init(|| async {
            let loader = aws_config::defaults(BehaviorVersion::latest());
            loader.http_client(mcp_aws::connector()).load().await
        })
        .await
}
