use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where the process finds itself running, told from its environment alone.
///
/// Exhaustive on purpose: whoever matches on it must decide about each target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A client has spawned the process and speaks over its standard streams.
    Stdio,
    /// The process shall listen for HTTP.
    Http {
        /// The address to listen on; loopback unless the environment says otherwise.
        listen: SocketAddr,
    },
    /// The process runs inside an AWS Lambda sandbox.
    Lambda {
        /// `host:port` of the Lambda Runtime API.
        runtime_api: String,
    },
}

/// The environment asks for a target that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// A variable does not hold what it should.
    #[error("{variable} is {found:?}, expected {expected}")]
    Invalid {
        /// The variable's name.
        variable: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Started by hand in a terminal, with nothing that tells what to do.
    #[error("nothing says how to serve: pass `stdio` or `http`, or set MCP_LISTEN or PORT")]
    Unspecified,
}

impl Target {
    /// Reads the target from environment variables and from what standard input is.
    ///
    /// In this order: `AWS_LAMBDA_RUNTIME_API` means Lambda; `MCP_LISTEN` (`address:port`)
    /// means HTTP there; `PORT` means HTTP on that port of loopback, which is where an adapter
    /// such as the Lambda Web Adapter connects; standard input that is not a terminal means
    /// stdio.
    ///
    /// # Errors
    ///
    /// When a variable is malformed, or when nothing tells.
    pub fn detect(
        variable: impl Fn(&str) -> Option<String>,
        stdin_is_terminal: bool,
    ) -> Result<Self, TargetError> {
        if let Some(runtime_api) = variable("AWS_LAMBDA_RUNTIME_API") {
            return Ok(Self::Lambda { runtime_api });
        }
        if let Some(listen) = variable("MCP_LISTEN") {
            return match listen.parse() {
                Ok(listen) => Ok(Self::Http { listen }),
                Err(_) => Err(TargetError::Invalid {
                    variable: "MCP_LISTEN",
                    found: listen,
                    expected: "an address and port such as 127.0.0.1:8000",
                }),
            };
        }
        if let Some(port) = variable("PORT") {
            return match port.parse() {
                Ok(port) => Ok(Self::Http {
                    listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
                }),
                Err(_) => Err(TargetError::Invalid {
                    variable: "PORT",
                    found: port,
                    expected: "a port number from 0 to 65535",
                }),
            };
        }
        if stdin_is_terminal {
            return Err(TargetError::Unspecified);
        }
        Ok(Self::Stdio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)], stdin_is_terminal: bool) -> Result<Target, TargetError> {
        Target::detect(
            |name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            },
            stdin_is_terminal,
        )
    }

    #[test]
    fn lambda_wins_over_port() {
        let target = detect(&[("PORT", "80"), ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")], false);
        assert_eq!(target, Ok(Target::Lambda { runtime_api: "127.0.0.1:9001".into() }));
    }

    #[test]
    fn port_listens_on_loopback_only() {
        assert_eq!(
            detect(&[("PORT", "8080")], false),
            Ok(Target::Http { listen: "127.0.0.1:8080".parse().unwrap() })
        );
    }

    #[test]
    fn listen_takes_any_address() {
        assert_eq!(
            detect(&[("MCP_LISTEN", "0.0.0.0:8000"), ("PORT", "1")], true),
            Ok(Target::Http { listen: "0.0.0.0:8000".parse().unwrap() })
        );
    }

    #[test]
    fn a_pipe_on_stdin_means_stdio_and_a_terminal_means_ask() {
        assert_eq!(detect(&[], false), Ok(Target::Stdio));
        assert_eq!(detect(&[], true), Err(TargetError::Unspecified));
    }

    #[test]
    fn malformed_variables_are_named() {
        let error = detect(&[("PORT", "eighty")], false).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"PORT is "eighty", expected a port number from 0 to 65535"#
        );
    }
}
