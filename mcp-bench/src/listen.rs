use std::net::SocketAddr;

use clap::Parser;

/// How a server is told to listen: the arguments that all servers of this project take.
#[derive(Clone, Copy, Debug, Parser)]
pub enum Listen {
    /// Speak over standard input and output.
    Stdio,
    /// Listen for HTTP.
    Http {
        /// The address to listen on.
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Listen for WebSockets.
    Ws {
        /// The address to listen on.
        #[arg(long)]
        listen: SocketAddr,
    },
}

impl Listen {
    /// Reads the process's arguments; ends the process if they are wrong.
    pub fn from_args() -> Self {
        Self::parse()
    }
}
