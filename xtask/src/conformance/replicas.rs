use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Context as _;

use super::{
    dynamodb::DynamoDb,
    fixture::{Fixture, KEY},
};

/// What the proxy adds for servers that ask for a credential.
const CREDENTIAL: &str = "authorization: Bearer conformance\r\n";
/// The SHA-256 digest of that token.
const DIGEST: &str = "6c1d6cedf276ea3fd7486a212fd62b32fbb9ecaa4dea70545486737199dd24ed";

/// Several fixture servers behind a proxy that gives each request to the next one, whichever
/// client or connection it comes from.
pub(super) struct Replicas {
    url: String,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    _fixtures: Vec<Fixture>,
    _tasks: Option<DynamoDb>,
}

impl Replicas {
    /// Starts so many servers, which share the key of their `requestState` and, where there are
    /// several, a table for tasks. If they ask for a credential, the proxy adds it: the suites have
    /// none to send.
    pub(super) fn start(count: usize, authenticated: bool) -> anyhow::Result<Self> {
        let api_keys = format!("suite sha256:{DIGEST}");
        let mut environment = vec![("MCP_STATE_KEY", KEY)];
        let tasks = if count > 1 {
            Some(DynamoDb::start()?.context(
                "several replicas keep their tasks in moto, which needs python3 with venv",
            )?)
        } else {
            None
        };
        if let Some(tasks) = &tasks {
            environment.extend(tasks.environment());
        }
        let mut added = "";
        if authenticated {
            environment.push(("MCP_API_KEYS", &api_keys));
            added = CREDENTIAL;
        }
        Fixture::build()?;
        let fixtures =
            (0..count).map(|_| Fixture::start(&environment)).collect::<anyhow::Result<Vec<_>>>()?;
        let backends: Arc<[String]> = fixtures
            .iter()
            .map(|fixture| fixture.url().split('/').nth(2).map(str::to_owned))
            .collect::<Option<_>>()
            .context("a URL has an authority")?;

        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let accepting = Arc::clone(&ended);
        let next = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.load(Ordering::Relaxed) {
                    return;
                }
                let (backends, next) = (Arc::clone(&backends), Arc::clone(&next));
                // A client that goes away, or a server that does, ends its exchange alone.
                thread::spawn(move || {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let _ = exchange(client, &backends[turn % backends.len()], added);
                });
            }
        });
        Ok(Self {
            url: format!("http://{address}/mcp"),
            address,
            ended,
            _fixtures: fixtures,
            _tasks: tasks,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes whoever accepts.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// Hands one request on, and its response back. The connection ends with it, so that the client's
/// next request is another server's.
fn exchange(client: TcpStream, backend: &str, added: &str) -> io::Result<()> {
    let mut server = TcpStream::connect(backend)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
        if !name.eq_ignore_ascii_case("connection") {
            head.extend_from_slice(line.as_bytes());
        }
    }
    head.extend_from_slice(added.as_bytes());
    head.extend_from_slice(b"connection: close\r\n\r\n");
    server.write_all(&head)?;
    io::copy(&mut reader.by_ref().take(length), &mut server)?;

    // A client that goes away cancels its request.
    let gone = server.try_clone()?;
    thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        let _ = gone.shutdown(Shutdown::Both);
    });
    let copied = io::copy(&mut server, &mut &client);
    let _ = client.shutdown(Shutdown::Both);
    copied.map(drop)
}
