//! The Lambda Runtime API, as little of it as a measurement needs: it takes one function's word for
//! everything, and notes when things happen.

use std::{
    net::Ipv4Addr,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::{Mutex, mpsc},
};

use crate::{Memory, Usage};

/// How long a function may take to do what it is asked.
const PATIENCE: Duration = Duration::from_secs(20);

/// A function that runs until it is dropped.
#[derive(Debug)]
pub struct Function {
    // Killed when dropped.
    _child: Child,
    pid: u32,
    start: Duration,
    events: mpsc::Sender<Bytes>,
    pieces: mpsc::Receiver<Piece>,
}

/// What comes from a function.
#[derive(Debug)]
enum Piece {
    /// It asks for an event.
    Next(Instant),
    /// A part of its answer.
    Part(SystemTime, Vec<u8>),
    /// Its answer is whole.
    End,
}

struct Ends {
    events: Mutex<mpsc::Receiver<Bytes>>,
    pieces: mpsc::Sender<Piece>,
}

impl Function {
    /// Starts a program, and waits until it asks for its first event.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn start(mut command: Command) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        command
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_REGION", "us-east-1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let (events, queue) = mpsc::channel(1);
        let (sender, pieces) = mpsc::channel(64);
        let ends = Arc::new(Ends { events: Mutex::new(queue), pieces: sender });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // An error is the function's end, which is noticed as silence.
                tokio::spawn(serve(stream, Arc::clone(&ends)));
            }
        });
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let pid = child.id().context("it ended at once")?;
        let mut function = Self { _child: child, pid, start: PATIENCE, events, pieces };
        let asked = function.next().await.with_context(|| format!("{command:?} does not start"))?;
        function.start = asked - begun;
        Ok(function)
    }

    /// How long it took from being started to asking for its first event.
    pub fn start_time(&self) -> Duration {
        self.start
    }

    /// Has it answer an event: what the answer was made of, and when each part came.
    ///
    /// # Errors
    ///
    /// When it does not, or not before long.
    pub async fn invoke(&mut self, event: Bytes) -> anyhow::Result<Vec<(SystemTime, Vec<u8>)>> {
        self.events.send(event).await.context("the function is gone")?;
        let mut parts = Vec::new();
        loop {
            match self.piece().await? {
                Piece::Part(at, part) => parts.push((at, part)),
                Piece::End => break,
                Piece::Next(_) => anyhow::bail!("an event was not answered"),
            }
        }
        self.next().await?;
        Ok(parts)
    }

    /// What it has used so far.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid)
    }

    /// What it holds now.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(self.pid)
    }

    async fn next(&mut self) -> anyhow::Result<Instant> {
        match self.piece().await? {
            Piece::Next(at) => Ok(at),
            other => anyhow::bail!("expected to be asked for an event, got {other:?}"),
        }
    }

    async fn piece(&mut self) -> anyhow::Result<Piece> {
        let piece = tokio::time::timeout(PATIENCE, self.pieces.recv()).await;
        piece.context("the function hangs")?.context("the function is gone")
    }
}

async fn serve(stream: TcpStream, ends: Arc<Ends>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length, mut chunked) = (String::new(), 0, false);
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let is_next = line.starts_with("GET ");
        loop {
            let mut header = String::new();
            ensure!(stream.read_line(&mut header).await? > 0, "cut off");
            let header = header.trim().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= header.starts_with("transfer-encoding:") && header.ends_with("chunked");
            if header.is_empty() {
                break;
            }
        }
        if is_next {
            ends.pieces.send(Piece::Next(Instant::now())).await?;
            let event = ends.events.lock().await.recv().await.context("all is over")?;
            let deadline = SystemTime::UNIX_EPOCH.elapsed()? + Duration::from_secs(60);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                 lambda-runtime-deadline-ms: {}\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
                 lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\r\n",
                event.len(),
                deadline.as_millis(),
            );
            let mut response = head.into_bytes();
            response.extend_from_slice(&event);
            stream.get_mut().write_all(&response).await?;
            continue;
        }
        if chunked {
            loop {
                let mut size = String::new();
                stream.read_line(&mut size).await?;
                let size = usize::from_str_radix(size.trim(), 16)?;
                let mut part = vec![0; size + 2];
                stream.read_exact(&mut part).await?;
                if size == 0 {
                    break;
                }
                part.truncate(size);
                ends.pieces.send(Piece::Part(SystemTime::now(), part)).await?;
            }
        } else {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            ends.pieces.send(Piece::Part(SystemTime::now(), body)).await?;
        }
        ends.pieces.send(Piece::End).await?;
        let accepted = b"HTTP/1.1 202 Accepted\r\ncontent-length: 15\r\n\r\n{\"status\":\"OK\"}";
        stream.get_mut().write_all(accepted).await?;
    }
}
