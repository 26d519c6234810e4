use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::{
    Client, config, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use bytes::Bytes;
use mcp_core::{
    BoxError,
    connections::{ConnectionAddress, ConnectionGateway, PostError},
};

use crate::clients;

/// Where the AWS SDKs and tools look for another endpoint of this service.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";

/// Sends messages through API Gateway's management API: `POST /STAGE/@connections/ID`, signed.
///
/// The endpoint is the one that a message has come through. Where clients reach the API by a custom
/// domain and its default endpoint is disabled, `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` or
/// [`endpoint`](Self::endpoint) has to say the URL instead: the domain, and the API mapping's path.
///
/// A message has 128 KB at most. API Gateway sends it in frames of 32 KB. Where it takes no more for
/// the moment, a message is tried three times.
#[derive(Debug, Default)]
pub struct ApiGatewayConnections {
    endpoint: Option<String>,
    config: Option<SdkConfig>,
    /// A function has few stages in front of it, each with an endpoint of its own.
    clients: Mutex<HashMap<Arc<str>, Client>>,
}

impl ApiGatewayConnections {
    /// Sends in the name of whom the environment says.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends everything to this endpoint: `https://ws.example.com/mcp`.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Sends with a configuration of one's own.
    #[must_use]
    pub fn config(mut self, config: SdkConfig) -> Self {
        self.config = Some(config);
        self
    }

    async fn client(&self, endpoint: &Arc<str>) -> Client {
        let clients = || self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients().get(endpoint) {
            return client.clone();
        }
        let config = match &self.config {
            Some(config) => config,
            None => clients::config().await,
        };
        let url = self.endpoint.clone().or_else(|| std::env::var(ENDPOINT).ok());
        let config =
            config::Builder::from(config).endpoint_url(url.unwrap_or_else(|| endpoint.to_string()));
        let client = Client::from_conf(config.build());
        clients().insert(Arc::clone(endpoint), client.clone());
        client
    }
}

#[async_trait]
impl ConnectionGateway for ApiGatewayConnections {
    async fn post(&self, to: &ConnectionAddress, message: Bytes) -> Result<(), PostError> {
        let client = self.client(&to.endpoint).await;
        client
            .post_to_connection()
            .connection_id(&*to.connection)
            .data(Blob::new(message))
            .send()
            .await
            .map(drop)
            .map_err(|error| match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => PostError::Gone,
                _ => PostError::Failed(explained(error)),
            })
    }
}

/// The SDK's errors say what went wrong only in their sources.
fn explained(error: impl std::error::Error + Send + Sync + 'static) -> BoxError {
    aws_sdk_apigatewaymanagement::error::DisplayErrorContext(error).to_string().into()
}
