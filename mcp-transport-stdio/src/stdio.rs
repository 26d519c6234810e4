use std::{io, pin::Pin, time::Duration};

use mcp_core::{Server, Transport};
use tokio_util::sync::CancellationToken;

use crate::{
    stream::{StreamOptions, serve_stream},
    streams,
};

/// Serves the program that started this process, over its standard streams.
///
/// Pipes and Unix sockets, which are what clients start servers with, are read and written without
/// blocking; files and terminals, and all streams on Windows, through threads.
///
/// # Standard output carries nothing but messages
///
/// When serving starts, the process's standard output is set aside for the transport, and file
/// descriptor 1 becomes a copy of standard error: what a tool, a library or a child process prints
/// lands there. Where both are one and the same pipe or file (`2>&1`), it is discarded instead, as
/// standard error would lead back into the messages. Standard input is set aside, too, and
/// descriptor 0 becomes `/dev/null`, so that a child process cannot take messages away. This lasts
/// until the process ends; serving again uses the streams that were set aside. What is printed
/// *before* serving starts still goes to the client.
///
/// On Windows the streams are not set aside: nothing there may print, or start a child process
/// without streams of its own.
#[derive(Clone, Debug, Default)]
pub struct StdioTransport {
    options: StreamOptions,
}

impl StdioTransport {
    /// A transport with the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a line may be: see [`StreamOptions::max_line`].
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.options = self.options.max_line(bytes);
        self
    }

    /// Sets how long calls in flight may go on at the end: see [`StreamOptions::grace`].
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options = self.options.grace(grace);
        self
    }

    /// Sets how many calls run at once: see [`StreamOptions::max_in_flight`].
    #[must_use]
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.options = self.options.max_in_flight(calls);
        self
    }
}

impl Transport for StdioTransport {
    type Error = io::Error;

    /// Serves until standard input ends or `shutdown` is cancelled.
    ///
    /// One at a time: two transports would share the lines between them.
    fn serve(
        self,
        server: Server,
        shutdown: CancellationToken,
    ) -> impl Future<Output = io::Result<()>> + Send {
        // The code of the connection is compiled with this crate, once, and not with each program that serves.
        let serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> = Box::pin(async move {
            let (reader, writer) = streams::open()?;
            serve_stream(server, reader, writer, self.options, shutdown).await
        });
        serving
    }
}
