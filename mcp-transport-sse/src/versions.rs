//! The versions of HTTP that are spoken.

pub(crate) use spoken::{Http, builder, serve};

/// How large the head of an HTTP/1 request may be, in bytes.
const MAX_HEAD: usize = 64 * 1024;

#[cfg(not(feature = "http2"))]
mod spoken {
    use hyper::server::conn::http1::{self, UpgradeableConnection};
    use hyper_util::rt::TokioIo;
    use tokio::net::TcpStream;

    use crate::route::Route;

    pub(crate) type Http = http1::Builder;

    pub(crate) fn builder() -> Http {
        let mut http = http1::Builder::new();
        // hyper's own timeout costs every request a timer; `Connections` costs a connection one.
        http.header_read_timeout(None).max_buf_size(super::MAX_HEAD);
        http
    }

    pub(crate) fn serve(
        http: &Http,
        stream: TcpStream,
        route: Route,
    ) -> UpgradeableConnection<TokioIo<TcpStream>, Route> {
        http.serve_connection(TokioIo::new(stream), route).with_upgrades()
    }
}

#[cfg(feature = "http2")]
mod spoken {
    use std::time::Duration;

    use hyper_util::{
        rt::{TokioExecutor, TokioIo, TokioTimer},
        server::conn::auto::{self, UpgradeableConnection},
    };
    use tokio::net::TcpStream;

    use crate::route::Route;

    /// How many bytes the decoded headers of an HTTP/2 request may have.
    const MAX_HEADER_LIST: u32 = 64 * 1024;
    /// How many requests an HTTP/2 connection may have in flight.
    const MAX_STREAMS: u32 = 200;
    /// How often a silent HTTP/2 client is asked whether it is there, and how long it has to
    /// answer.
    const PING: Duration = Duration::from_secs(20);

    pub(crate) type Http = auto::Builder<TokioExecutor>;

    pub(crate) fn builder() -> Http {
        let mut http = auto::Builder::new(TokioExecutor::new());
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

    pub(crate) fn serve(
        http: &Http,
        stream: TcpStream,
        route: Route,
    ) -> UpgradeableConnection<'_, TokioIo<TcpStream>, Route, TokioExecutor> {
        http.serve_connection_with_upgrades(TokioIo::new(stream), route)
    }
}
