//! The configuration that clients share.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::clock::{Clock, ClockSetting};

/// Where is asked when no region is configured.
const DEFAULT_REGION: &str = "us-east-1";

/// AWS as the environment says: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL` and what else the
/// SDK reads, credentials from the environment, profiles, web identities (EKS), containers (ECS) and
/// instances; with [`with_defaults`] for the rest. Nothing is connected to.
pub async fn load_config() -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(connector());
    with_defaults(&loader.load().await)
}

/// A configuration with what it lacks of region (us-east-1) and connector; requests are made three
/// times at most, adaptively, take 20 seconds each and 45 with their repetitions.
///
/// Its clock is set by AWS: once AWS has refused a request for having been signed more than four
/// minutes off, requests are signed by AWS's time.
pub fn with_defaults(given: &SdkConfig) -> SdkConfig {
    let mut config = given.to_builder();
    config.set_region(given.region().cloned().or(Some(Region::from_static(DEFAULT_REGION))));
    let clock = Clock::new(given.time_source().unwrap_or_default());
    let client = ClockSetting::new(given.http_client().unwrap_or_else(connector), clock.clone());
    config.set_http_client(Some(SharedHttpClient::new(client)));
    config.set_time_source(Some(SharedTimeSource::new(clock)));
    config.set_retry_config(Some(RetryConfig::adaptive().with_max_attempts(3)));
    config.set_timeout_config(Some(
        TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(20))
            .operation_timeout(Duration::from_secs(45))
            .build(),
    ));
    config.build()
}

/// An HTTP client whose TLS is rustls with *ring*. The SDK's default, AWS-LC, makes binaries 2 MB
/// larger and needs CMake on some targets; its post-quantum key exchange is the one thing that is
/// given up.
pub fn connector() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}
