use std::{fmt, sync::Arc};

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::runtime_plugin::SharedRuntimePlugin;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{
    Error, Page, Pages, Request, Response, Streamed,
    operation::{invoke, plugin},
};

/// Makes requests to any service, with one configuration.
///
/// It is cheap to clone and to keep: connections, credentials and what is known of throttling are
/// shared by its clones. Making one connects to nothing. Dropping the future of a request abandons
/// the request.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: SdkConfig,
    plugin: SharedRuntimePlugin,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("region", &self.region()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with the credentials, connector, retries, timeouts, region and endpoint of a
    /// configuration: that of [`load_config`](crate::load_config), or one that SDKs are made of. A
    /// configuration without a connector gets [`connector`](crate::connector); without retries or
    /// timeouts it has none.
    pub fn new(config: &SdkConfig) -> Self {
        let config = match config.http_client() {
            Some(_) => config.clone(),
            None => config.to_builder().http_client(crate::connector()).build(),
        };
        let plugin = plugin(&config);
        Self { inner: Arc::new(Inner { config, plugin }) }
    }

    /// The region that is asked where a request names none.
    pub fn region(&self) -> Option<&str> {
        self.inner.config.region().map(AsRef::as_ref)
    }

    /// The configuration.
    pub fn config(&self) -> &SdkConfig {
        &self.inner.config
    }

    /// Makes a request and reads its answer into a type that has the fields of interest.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached, refuses, or answers what `T` is not.
    pub async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        self.send(request).await?.read()
    }

    /// Makes a request whose answer is read as a whole, up to the request's limit.
    ///
    /// # Errors
    ///
    /// When the service cannot be reached, refuses, or answers more than the limit.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let (service, operation) = (request.service, request.operation.clone().into_owned());
        let answer = invoke(&self.inner.config, &self.inner.plugin, request, false).await?;
        let body = Bytes::copy_from_slice(answer.body.bytes().unwrap_or_default());
        let (status, headers) = (answer.status, answer.headers);
        Ok(Response { service, operation, status, headers, body })
    }

    /// Makes a request whose answer is read piece by piece, such as an object of S3.
    ///
    /// Timeouts and repetitions are for the head of the answer; a body that stalls fails after the
    /// configuration's stalled-stream protection (20 seconds unless set).
    ///
    /// # Errors
    ///
    /// When the service cannot be reached or refuses.
    pub async fn stream(&self, request: Request) -> Result<Streamed, Error> {
        let answer = invoke(&self.inner.config, &self.inner.plugin, request, true).await?;
        let (status, headers) = (answer.status, answer.headers);
        Ok(Streamed { status, headers, body: ByteStream::new(answer.body) })
    }

    /// The pages of an answer, which are requested one after the other as they are taken.
    ///
    /// ```no_run
    /// use mcp_aws::{Client, List, Page, Request, service};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// #[serde(rename_all = "camelCase")]
    /// struct Volume {
    ///     volume_id: String,
    /// }
    ///
    /// #[derive(Deserialize)]
    /// #[serde(rename_all = "camelCase")]
    /// struct Volumes {
    ///     #[serde(default)]
    ///     volume_set: List<Volume>,
    ///     next_token: Option<String>,
    /// }
    ///
    /// impl Page for Volumes {
    ///     const TOKEN: &'static str = "NextToken";
    ///
    ///     fn next_token(&mut self) -> Option<String> {
    ///         self.next_token.take()
    ///     }
    /// }
    ///
    /// # async fn example(client: Client) -> Result<(), mcp_aws::Error> {
    /// let request = Request::new(&service::EC2, "DescribeVolumes").with("MaxResults", 500);
    /// let mut pages = client.pages::<Volumes>(request.region("eu-west-1"));
    /// while let Some(page) = pages.next().await? {
    ///     for volume in page.volume_set {
    ///         eprintln!("{}", volume.volume_id);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages<T: Page>(&self, request: Request) -> Pages<T> {
        Pages::new(self.clone(), request)
    }
}
