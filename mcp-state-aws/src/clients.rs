//! The configuration that all clients share.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tokio::sync::OnceCell;

/// What the environment says about AWS: region, credentials, `AWS_ENDPOINT_URL`. Read once.
pub(crate) async fn config() -> &'static SdkConfig {
    static CONFIG: OnceCell<SdkConfig> = OnceCell::const_new();
    CONFIG
        .get_or_init(|| async {
            let http =
                Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
            aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await
        })
        .await
}
