use std::{io, time::Duration};

use http::Extensions;
use mcp_connection::{ConnectionOptions, serve_connection};
use mcp_core::Server;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::lines::Lines;

/// The limits of one connection.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    max_line: usize,
    connection: ConnectionOptions,
}

impl Default for StreamOptions {
    fn default() -> Self {
        const MAX_LINE: usize = 16 * 1024 * 1024;
        Self { max_line: MAX_LINE, connection: ConnectionOptions::new().max_message(MAX_LINE) }
    }
}

impl StreamOptions {
    /// The default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a line may be, in bytes without the line break; 16 MiB by default.
    ///
    /// A longer one is answered with an error without being kept. The requests in flight together
    /// hold at most five times as much.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self.connection = self.connection.max_message(bytes);
        self
    }

    /// Sets how long calls in flight may go on once the client has closed its side or a shutdown is
    /// asked for; 25 s by default. What is left then is answered with an error.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.connection = self.connection.grace(grace);
        self
    }

    /// Sets how many calls run at once; 256 by default, at least 1.
    ///
    /// As many again wait for their turn. After that nothing more is read until a call ends.
    #[must_use]
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.connection = self.connection.max_in_flight(calls);
        self
    }
}

/// Serves one client over a pair of byte streams, in the format of the stdio transport.
///
/// Returns when the client has closed its side, cannot be written to any more, or `shutdown` is
/// cancelled; in the first and the last case once the calls in flight are finished (see
/// [`StreamOptions::grace`]). Dropping the future cancels them. Needs a `tokio` runtime with time
/// enabled.
///
/// ```
/// use mcp_core::{Server, tool};
/// use mcp_transport_stdio::{StreamOptions, serve_stream};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
/// use tokio_util::sync::CancellationToken;
///
/// /// Adds two integers.
/// #[tool]
/// async fn add(
///     /// The first addend.
///     a: i64,
///     /// The second addend.
///     b: i64,
/// ) -> i64 {
///     a + b
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let server = Server::builder("hello", "1.0").tool::<add>().build();
/// let (mut client, here) = duplex(4096);
/// let (reader, writer) = split(here);
/// client.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").await?;
/// client.shutdown().await?;
///
/// serve_stream(server, reader, writer, StreamOptions::default(), CancellationToken::new()).await?;
///
/// let mut answers = String::new();
/// client.read_to_string(&mut answers).await?;
/// assert_eq!(answers, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
///
/// When reading or writing fails for another reason than that the client is gone.
pub async fn serve_stream<R, W>(
    server: Server,
    reader: R,
    writer: W,
    options: StreamOptions,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin,
{
    let mut lines = Lines::new(reader, writer, options.max_line);
    serve_connection(server, &mut lines, options.connection, Extensions::new(), shutdown).await
}
