//! A keep-alive HTTP/1.1 client that costs little: one buffer, prepared requests.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Call, Dialect, Expected, Latencies, Load, Template, call::events_in};

/// One connection with its calls.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// The body, where it came in chunks.
    body: Vec<u8>,
    /// When the first event of the last answer was here.
    first_event: Option<Instant>,
    load: Load,
    template: Template,
    expected: Expected,
}

impl Connection {
    /// Connects, opens a session if the dialect has them, and makes the first call. `credentials` are
    /// headers' lines without their ends, of one length; calls show them by turns.
    ///
    /// # Errors
    ///
    /// When the server does not answer as it must.
    pub async fn open(
        address: SocketAddr,
        call: Call,
        credentials: &[String],
    ) -> anyhow::Result<Self> {
        let mut connection = Self::connect(address, call.load).await?;
        let mut headers = format!("MCP-Protocol-Version: {}\r\n", call.dialect.version());
        if let Some(credential) = credentials.first() {
            headers.push_str(&format!("{credential}\r\n"));
        }
        match call.dialect {
            Dialect::Modern => {
                let (method, name) = call.target();
                headers.push_str(&format!("Mcp-Method: {method}\r\n"));
                if let Some(name) = name {
                    headers.push_str(&format!("Mcp-Name: {name}\r\n"));
                }
            }
            Dialect::Legacy => {}
            Dialect::Session => {
                let session = connection.open_session(address).await?;
                headers.push_str(&format!("Mcp-Session-Id: {session}\r\n"));
            }
        }
        connection.template =
            Template::new(post(address, &headers, &call.text())).taking_turns(credentials);
        connection.expected = connection.first_call(call).await?;
        Ok(connection)
    }

    /// Opens so many sessions over one connection, and leaves them alone. How long each of them took
    /// to open.
    ///
    /// # Errors
    ///
    /// When the server does not answer as it must.
    pub async fn leave_sessions(
        address: SocketAddr,
        count: usize,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut connection = Self::connect(address, Load::Add).await?;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let begun = Instant::now();
            connection.open_session(address).await?;
            times.push(begun.elapsed());
        }
        Ok(times)
    }

    async fn connect(address: SocketAddr, load: Load) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(16 * 1024),
            body: Vec::new(),
            first_event: None,
            load,
            template: Template::new([]),
            expected: Expected::default(),
        })
    }

    async fn open_session(&mut self, address: SocketAddr) -> anyhow::Result<String> {
        let session = self.initialize(address).await.context("initialize")?;
        let version = Dialect::Session.version();
        let headers = format!("MCP-Protocol-Version: {version}\r\nMcp-Session-Id: {session}\r\n");
        let initialized = post(address, &headers, &Dialect::initialized());
        let answer = self.exchange(initialized.as_bytes()).await?;
        ensure!(answer.status == 202, "status {} to initialized", answer.status);
        Ok(session)
    }

    /// The session's name.
    async fn initialize(&mut self, address: SocketAddr) -> anyhow::Result<String> {
        let request = post(address, "", &Dialect::initialize());
        let answer = self.exchange(request.as_bytes()).await?;
        ensure!(answer.status == 200, "status {}", answer.status);
        let session = header(answer.head, "mcp-session-id").context("no Mcp-Session-Id")?;
        Ok(String::from_utf8(session.to_vec())?)
    }

    async fn first_call(&mut self, call: Call) -> anyhow::Result<Expected> {
        let mut template = self.template.clone();
        let answer = self.exchange(template.next_call().1).await?;
        ensure!(
            answer.status == 200,
            "status {} with {}",
            answer.status,
            String::from_utf8_lossy(answer.body)
        );
        Expected::learn(answer.body, call)
    }

    /// The body of the answer to the first call.
    pub fn learned(&self) -> &[u8] {
        self.expected.bytes()
    }

    /// Calls again and again until `end`, one call at a time.
    ///
    /// # Errors
    ///
    /// When an answer is wrong in any byte.
    pub async fn call_until(&mut self, end: Instant) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        let mut template = self.template.clone();
        let mut expected = self.expected.clone();
        let events = self.load.events();
        let mut begun = Instant::now();
        while begun < end {
            let (number, request) = template.next_call();
            let answer = self.exchange(request).await?;
            ensure!(answer.events == events, "{} events in place of {events}", answer.events);
            if answer.status != 200 || expected.check(answer.body) != Some(number) {
                let body = String::from_utf8_lossy(answer.body);
                bail!("status {} and a wrong answer to call {number}: {body}", answer.status);
            }
            let now = Instant::now();
            latencies.record(now - begun);
            if let Some(first) = self.first_event {
                latencies.record_first(first - begun);
            }
            begun = now;
        }
        self.template = template;
        Ok(latencies)
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.received.clear();
        self.first_event = None;
        self.stream.write_all(request).await?;
        let head_length = loop {
            if let Some(end) = memchr::memmem::find(&self.received, b"\r\n\r\n") {
                break end + 4;
            }
            self.receive().await?;
        };
        let head = &self.received[..head_length];
        let status = head.get(9..12).context("no status")?;
        let status = std::str::from_utf8(status)?.parse()?;
        if let Some(length) = header(head, "content-length") {
            let end = head_length + std::str::from_utf8(length)?.parse::<usize>()?;
            while self.received.len() < end {
                self.receive().await?;
            }
            let (head, body) = self.received.split_at(head_length);
            return Ok(Answer { status, head, body, events: 0 });
        }
        self.body.clear();
        if header(head, "transfer-encoding").is_some() {
            while !unchunk(&self.received[head_length..], &mut self.body)? {
                self.note_first_event();
                self.receive().await?;
            }
            self.note_first_event();
        }
        let head = &self.received[..head_length];
        let is_events = header(head, "content-type") == Some(b"text/event-stream");
        let body = if is_events { last_event(&self.body) } else { &self.body };
        Ok(Answer { status, head, body, events: events_in(&self.body) })
    }

    fn note_first_event(&mut self) {
        if self.first_event.is_none() && self.load.events() > 0 && events_in(&self.body) > 0 {
            self.first_event = Some(Instant::now());
        }
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.received).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

struct Answer<'a> {
    status: u16,
    head: &'a [u8],
    body: &'a [u8],
    /// How many progress events came before it.
    events: usize,
}

fn post(address: SocketAddr, headers: &str, body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A header's value; the name is given in lower case.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (field, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        field.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
    })
}

/// Takes chunks together; whether the last one is there.
fn unchunk(mut chunks: &[u8], body: &mut Vec<u8>) -> anyhow::Result<bool> {
    body.clear();
    loop {
        let Some(line) = memchr::memmem::find(chunks, b"\r\n") else { return Ok(false) };
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..line])?, 16)?;
        let Some(rest) = chunks.get(line + 2..).filter(|rest| rest.len() >= length + 2) else {
            return Ok(false);
        };
        if length == 0 {
            return Ok(true);
        }
        body.extend_from_slice(&rest[..length]);
        chunks = &rest[length + 2..];
    }
}

/// The data of the last event that has any.
fn last_event(events: &[u8]) -> &[u8] {
    let lines = events.split(|byte| *byte == b'\n');
    let mut data = lines.filter_map(|line| Some(line.strip_prefix(b"data:")?.trim_ascii()));
    data.rfind(|data| !data.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_taken_together() {
        let mut body = Vec::new();
        assert!(!unchunk(b"5\r\nhello\r\n", &mut body).unwrap());
        assert!(unchunk(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", &mut body).unwrap());
        assert_eq!(body, b"hello!");
    }

    #[test]
    fn the_last_event_with_data_counts() {
        assert_eq!(last_event(b"id: 0\ndata: \n\nid: 1\ndata: {}\n\n"), b"{}");
        assert_eq!(last_event(b": nothing\n\n"), b"");
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(header(head, "content-length"), Some(&b"12"[..]));
        assert_eq!(header(head, "content-type"), None);
    }
}
