//! Something in front of moto that throttles as DynamoDB and SQS do.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use mcp_testing::Moto;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// Refuses requests, and passes the others on.
pub struct Throttle {
    pub url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Of so many requests, all but one are refused; 0 passes all on, and `usize::MAX` none.
    of: AtomicUsize,
    seen: AtomicUsize,
    refused: AtomicUsize,
}

impl Throttle {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<State>::default();
        let kept = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&kept);
                // An error is a client that has gone.
                tokio::spawn(async move { serve(client, &state).await.ok() });
            }
        });
        Self { url, state }
    }

    pub fn passes_one_of(&self, requests: usize) {
        self.state.of.store(requests, Ordering::SeqCst);
    }

    pub fn passes_none(&self) {
        self.passes_one_of(usize::MAX);
    }

    pub fn passes_all(&self) {
        self.passes_one_of(0);
    }

    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }
}

async fn serve(client: TcpStream, state: &State) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if client.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            if !lower.starts_with("connection:") {
                head.push_str(&line);
            }
        }
        let mut body = vec![0; length];
        client.read_exact(&mut body).await?;
        let of = state.of.load(Ordering::SeqCst);
        if of > 0 && (state.seen.fetch_add(1, Ordering::SeqCst) + 1) % of != 0 {
            state.refused.fetch_add(1, Ordering::SeqCst);
            let text = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"The level of configured provisioned throughput for the table was exceeded."}"#;
            let reply = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\n\
                 content-length: {}\r\n\r\n{text}",
                text.len()
            );
            client.write_all(reply.as_bytes()).await?;
            continue;
        }
        let moto = Moto::shared().url().trim_start_matches("http://").trim_end_matches('/');
        let mut server = TcpStream::connect(moto).await?;
        server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await?;
        server.write_all(&body).await?;
        tokio::io::copy(&mut server, &mut client).await?;
        return Ok(());
    }
}
