//! `health`: asking the server that listens on the same machine whether it is well, for container
//! images that hold no other program to ask with.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// How long connecting and each read may take; shorter than what orchestrators wait by default.
const LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub(crate) enum HealthError {
    #[error("nothing answers on {0}: {1}")]
    Silent(SocketAddr, io::Error),
    #[error("{0} answers GET /health with `{1}`, not with 200")]
    Unwell(SocketAddr, String),
}

/// Asks for `/health`. Of a server that speaks TLS it is enough that it accepts: its certificate is for
/// a name, and may ask for one of the client's.
pub(crate) fn ask(listen: SocketAddr, is_tls: bool) -> Result<(), HealthError> {
    let address = reachable(listen);
    let silent = |error| HealthError::Silent(address, error);
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).map_err(silent)?;
    if is_tls {
        return Ok(());
    }
    let mut answer = || {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut line = String::new();
        BufReader::new(io::Read::take(&mut stream, 256)).read_line(&mut line)?;
        Ok(line)
    };
    let line = answer().map_err(silent)?;
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(HealthError::Unwell(address, line.trim_end().escape_default().to_string())),
    }
}

/// Where a listener on all addresses is found from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
