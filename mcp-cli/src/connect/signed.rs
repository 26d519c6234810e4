//! Requests that AWS's front doors let in: signed with Signature Version 4.

use std::{collections::HashMap, error::Error, io, sync::Arc, time::SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::identity::Identity;
use futures_util::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use rmcp::{
    model::ClientJsonRpcMessage,
    transport::streamable_http_client::{
        StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    },
};
use sse_stream::{Error as SseError, Sse};

use crate::exit::Failure;

/// Whom requests are signed for, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    service: Arc<str>,
    region: Arc<str>,
    credentials: SharedCredentialsProvider,
}

impl Signer {
    /// For a service such as `lambda` (Function URLs) or `execute-api` (API Gateway), with the
    /// credentials of the environment. The region is the one in the address, if there is one.
    pub(crate) async fn new(service: &str, url: &str) -> Result<Self, Failure> {
        let config = mcp_aws::load_config().await;
        let credentials =
            config.credentials_provider().ok_or_else(|| no_credentials("none set"))?;
        credentials
            .provide_credentials()
            .await
            .map_err(|error| no_credentials(&super::chain(&error)))?;
        let region = region_of(url).map(str::to_owned);
        let region = region.or_else(|| config.region().map(ToString::to_string));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        Ok(Self { service: service.into(), region: region.into(), credentials })
    }

    /// The headers that sign a request.
    pub(crate) async fn headers(
        &self,
        method: &str,
        url: &str,
        body: &[u8],
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Box<dyn Error + Send + Sync>> {
        let identity: Identity = self.credentials.provide_credentials().await?.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let request =
            SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body))?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        let mut headers = Vec::new();
        for (name, value) in instructions.headers() {
            let mut value = HeaderValue::from_str(value)?;
            value.set_sensitive(true);
            headers.push((HeaderName::from_bytes(name.as_bytes())?, value));
        }
        Ok(headers)
    }
}

fn no_credentials(why: &str) -> Failure {
    Failure::local(format!(
        "there are no AWS credentials to sign with: {why}; set AWS_PROFILE, and run `aws sso login` \
         if it needs it"
    ))
}

/// The region in the name of one of AWS's hosts, such as `ID.lambda-url.REGION.on.aws`.
fn region_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?.split(':').next()?;
    let mut labels = host.split('.');
    match (labels.next(), labels.next(), labels.next(), labels.next()) {
        (_, Some("lambda-url"), Some(region), Some("on")) => Some(region),
        (_, Some("execute-api"), Some(region), Some("amazonaws")) => Some(region),
        (Some("bedrock-agentcore"), Some(region), Some("amazonaws"), _) => Some(region),
        _ => None,
    }
}

/// A client of HTTP whose requests are signed. The body is signed as it is sent: both are what `serde_json` makes
/// of the message.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) client: reqwest::Client,
    pub(crate) signer: Signer,
}

type Headers = HashMap<HeaderName, HeaderValue>;
type Refusal = StreamableHttpError<reqwest::Error>;

impl Signed {
    async fn sign(
        &self,
        method: &str,
        url: &str,
        body: &[u8],
        mut headers: Headers,
    ) -> Result<Headers, Refusal> {
        let signature = self.signer.headers(method, url, body).await;
        headers.extend(signature.map_err(io::Error::other)?);
        Ok(headers)
    }
}

impl StreamableHttpClient for Signed {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Refusal> {
        let body = serde_json::to_vec(&message)?;
        let headers = self.sign("POST", &uri, &body, custom_headers).await?;
        self.client.post_message(uri, message, session_id, auth_header, headers).await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
        max_sse_event_size: usize,
    ) -> Result<StreamableHttpPostResponse, Refusal> {
        let body = serde_json::to_vec(&message)?;
        let headers = self.sign("POST", &uri, &body, custom_headers).await?;
        self.client
            .post_message_with_max_sse_event_size(
                uri,
                message,
                session_id,
                auth_header,
                headers,
                max_sse_event_size,
            )
            .await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), Refusal> {
        let headers = self.sign("DELETE", &uri, b"", custom_headers).await?;
        self.client.delete_session(uri, session_id, auth_header, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Refusal> {
        let headers = self.sign("GET", &uri, b"", custom_headers).await?;
        self.client.get_stream(uri, session_id, last_event_id, auth_header, headers).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
        max_sse_event_size: usize,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Refusal> {
        let headers = self.sign("GET", &uri, b"", custom_headers).await?;
        self.client
            .get_stream_with_max_sse_event_size(
                uri,
                session_id,
                last_event_id,
                auth_header,
                headers,
                max_sse_event_size,
            )
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_aws_names_its_region() {
        for (url, region) in [
            ("https://abc.lambda-url.eu-west-1.on.aws/mcp", Some("eu-west-1")),
            ("https://abc.execute-api.us-east-2.amazonaws.com/v1/mcp", Some("us-east-2")),
            (
                "https://bedrock-agentcore.us-west-2.amazonaws.com/runtimes/x/invocations",
                Some("us-west-2"),
            ),
            ("http://127.0.0.1:9000/mcp", None),
            ("https://mcp.example.com/mcp", None),
        ] {
            assert_eq!(region_of(url), region, "{url}");
        }
    }
}
