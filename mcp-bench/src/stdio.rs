//! The client's end of a server's standard streams.

use std::{collections::VecDeque, time::Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStdin, ChildStdout},
};

use crate::{Dialect, Expected, Latencies, Template};

/// A server's standard streams with the calls that go over them.
#[derive(Debug)]
pub struct Pipe {
    stdin: ChildStdin,
    stdout: ChildStdout,
    received: Vec<u8>,
    template: Template,
    expected: Expected,
}

impl Pipe {
    /// Shakes hands if the dialect does, and makes the first call.
    ///
    /// # Errors
    ///
    /// When the server does not answer as it must.
    pub async fn open(
        stdin: ChildStdin,
        stdout: ChildStdout,
        dialect: Dialect,
    ) -> anyhow::Result<Self> {
        let mut pipe = Self {
            stdin,
            stdout,
            received: Vec::with_capacity(64 * 1024),
            template: Template::new(dialect.call() + "\n"),
            expected: Expected::default(),
        };
        if dialect == Dialect::Session {
            pipe.exchange(Dialect::initialize().as_bytes()).await.context("initialize")?;
            pipe.stdin.write_all((Dialect::initialized() + "\n").as_bytes()).await?;
        }
        let answer = pipe.exchange(dialect.call().as_bytes()).await?;
        pipe.expected = Expected::learn(&answer, dialect)?;
        Ok(pipe)
    }

    /// The answer to the first call.
    pub fn learned(&self) -> &[u8] {
        self.expected.bytes()
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.received.clear();
        self.stdin.write_all(&[request, b"\n"].concat()).await?;
        loop {
            self.receive().await?;
            if let Some(line) = self.received.strip_suffix(b"\n") {
                return Ok(line.to_vec());
            }
        }
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        let read = self.stdout.read_buf(&mut self.received).await?;
        ensure!(read > 0, "the server closed its standard output");
        Ok(())
    }

    /// Calls until `end` and keeps `in_flight` calls on their way: as many new ones are written,
    /// in one write, as answers have come in one read.
    ///
    /// # Errors
    ///
    /// When an answer is wrong in any byte, or comes twice.
    pub async fn call_until(
        &mut self,
        end: Instant,
        in_flight: usize,
    ) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        let mut pending: VecDeque<(u32, Instant)> = VecDeque::with_capacity(in_flight);
        let mut batch = Vec::new();
        let mut now = Instant::now();
        self.received.clear();
        loop {
            if now < end {
                while pending.len() < in_flight {
                    let (number, request) = self.template.next_call();
                    batch.extend_from_slice(request);
                    pending.push_back((number, now));
                }
                self.stdin.write_all(&batch).await?;
                batch.clear();
            }
            if pending.is_empty() {
                return Ok(latencies);
            }
            self.receive().await?;
            now = Instant::now();
            let mut taken = 0;
            for line_end in memchr::memchr_iter(b'\n', &self.received) {
                let answer = &self.received[taken..line_end];
                taken = line_end + 1;
                // Answers may come in any order; most come in that of the calls.
                let call = self
                    .expected
                    .check(answer)
                    .and_then(|number| pending.iter().position(|(pending, _)| *pending == number));
                let Some((_, begun)) = call.and_then(|place| pending.remove(place)) else {
                    bail!("a wrong answer: {}", String::from_utf8_lossy(answer));
                };
                latencies.record(now - begun);
            }
            self.received.drain(..taken);
        }
    }
}
