//! The versions of HTTP that are spoken.

pub(crate) use version::{Http, builder, serve};

/// How large the head of an HTTP/1 request may be, in bytes. hyper's buffer grows by doubling: what is refused for
/// certain is above twice this.
const MAX_HEAD: usize = 64 * 1024;

#[cfg(not(feature = "http2"))]
mod version {
    use std::time::Duration;

    use hyper::{
        rt::{Read, Write},
        server::conn::http1,
    };

    use crate::route::Route;

    pub(crate) type Http = http1::Builder;

    pub(crate) fn builder(_: Duration) -> Http {
        let mut http = http1::Builder::new();
        // hyper's own timeout costs every request a timer; `Connections` costs a connection one.
        http.header_read_timeout(None).max_buf_size(super::MAX_HEAD);
        http
    }

    pub(crate) fn serve<I>(
        http: &Http,
        io: I,
        route: Route,
    ) -> http1::UpgradeableConnection<I, Route>
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        http.serve_connection(io, route).with_upgrades()
    }
}

#[cfg(feature = "http2")]
mod version {
    use std::time::Duration;

    use hyper::rt::{Read, Write};
    use hyper_util::{rt::TokioTimer, server::conn::auto};

    use crate::{
        route::Route,
        stream::{StreamExecutor, StreamRoute},
    };

    /// How many bytes the decoded headers of an HTTP/2 request may have.
    const MAX_HEADER_LIST: u32 = 64 * 1024;
    /// How many requests an HTTP/2 connection may have in flight.
    const MAX_STREAMS: u32 = 200;
    /// How often a silent HTTP/2 client is asked whether it is there, and how long it has to
    /// answer.
    const PING: Duration = Duration::from_secs(20);

    pub(crate) type Http = auto::Builder<StreamExecutor>;

    /// `write_timeout` is how long a client may take nothing of one stream.
    pub(crate) fn builder(write_timeout: Duration) -> Http {
        let mut http = auto::Builder::new(StreamExecutor::new(write_timeout));
        // As without HTTP/2.
        http.http1().header_read_timeout(None).max_buf_size(super::MAX_HEAD);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST);
        http
    }

    pub(crate) fn serve<I>(
        http: &Http,
        io: I,
        route: Route,
    ) -> auto::UpgradeableConnection<'_, I, StreamRoute, StreamExecutor>
    where
        I: Read + Write + Unpin + Send + 'static,
    {
        http.serve_connection_with_upgrades(io, StreamRoute(route))
    }
}
