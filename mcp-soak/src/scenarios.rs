use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::{io::AsyncReadExt as _, task::JoinSet};

use crate::{
    client::{Client, check, modern},
    process::{Process, Redis, mb},
    streams::UnreadStreams,
};

/// A scenario, told how long to go on where it could go on for ever. What it has measured.
type Scenario = fn(Duration) -> Pin<Box<dyn Future<Output = anyhow::Result<String>>>>;

pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("1,000 legacy sessions opened and abandoned", |_| Box::pin(sessions())),
    ("5,000 idle connections", |_| Box::pin(idle_connections())),
    ("slow heads and bodies are cut off", |_| Box::pin(slow_clients())),
    ("clients that read nothing", |duration| Box::pin(stalled_readers(duration))),
    ("SIGTERM among 256 connections loses no call", |duration| Box::pin(drain(duration))),
    ("Redis stopped and started again", |duration| Box::pin(redis(duration))),
];

/// The memory comes back once the sessions have timed out, to within a tenth.
async fn sessions() -> anyhow::Result<String> {
    const SESSIONS: usize = 1_000;
    let server = Process::start(&["--session-idle", "1"]).await?;
    let open = || async {
        for batch in 0..SESSIONS / 50 {
            let opening = (0..50)
                .map(|_| async { Client::connect(server.address).await?.open_session().await });
            try_join_all(opening).await.with_context(|| format!("in batch {batch}"))?;
        }
        anyhow::Ok(())
    };
    // What the process holds once it has had sessions is its own; what counts is what stays of more.
    open().await?;
    let peak_of_first = server.resident()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let baseline = server.resident()?;
    open().await?;
    let peak = server.resident()?;
    let after = server.settles_at(baseline + baseline / 10, Duration::from_secs(20)).await?;
    check(server.address).await?;
    ensure!(
        after <= baseline + baseline / 10,
        "{} before, {} with the sessions, {} after",
        mb(baseline),
        mb(peak),
        mb(after)
    );
    Ok(format!(
        "{} before, {} with them ({} the first time), {} after",
        mb(baseline),
        mb(peak),
        mb(peak_of_first),
        mb(after)
    ))
}

async fn idle_connections() -> anyhow::Result<String> {
    const CONNECTIONS: usize = 5_000;
    let server = Process::start(&[]).await?;
    check(server.address).await?;
    let before = server.resident()?;
    let mut idle = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(server.address).await?;
        let (headers, call) = modern("echo", json!({"text": "here"}));
        let reply = client.ask(&headers, &call).await?;
        ensure!(reply.status == 200, "{reply:?}");
        idle.push(client);
    }
    let with = server.resident()?;
    check(server.address).await?;
    // They are connections still.
    for client in idle.iter_mut().step_by(100) {
        let (headers, call) = modern("echo", json!({"text": "still"}));
        ensure!(client.ask(&headers, &call).await?.status == 200);
    }
    let each = (with - before) / CONNECTIONS as u64;
    ensure!(each < 64 * 1024, "{each} bytes a connection");
    Ok(format!("{} before, {} with them: {each} bytes each", mb(before), mb(with)))
}

async fn slow_clients() -> anyhow::Result<String> {
    const CLIENTS: usize = 200;
    let server = Process::start(&["--timeout", "1"]).await?;
    let begin = Instant::now();
    let mut slow = JoinSet::new();
    for client in 0..CLIENTS {
        let address = server.address;
        slow.spawn(async move {
            let mut client_ = Client::connect(address).await?;
            let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                        content-length: 100000\r\n";
            let slow_body = client % 2 == 0;
            client_.write(if slow_body { format!("{head}\r\n") } else { "POST /m".into() }).await?;
            // A byte now and then, for as long as the server takes them.
            let (mut reader, mut writer) = client_.stream.into_inner().into_split();
            let dripping = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    if tokio::io::AsyncWriteExt::write_all(&mut writer, b"x").await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            let mut answer = Vec::new();
            tokio::select! {
                _ = reader.read_to_end(&mut answer) => {}
                () = dripping => {}
            }
            let answer = String::from_utf8_lossy(&answer).into_owned();
            ensure!(answer.contains(" 408 ") || !slow_body, "{answer}");
            Ok(())
        });
    }
    check(server.address).await.context("while they are slow")?;
    while let Some(done) = slow.join_next().await {
        done??;
    }
    check(server.address).await?;
    Ok(format!("{CLIENTS} of them, with a limit of 1 s, were gone after {:.1?}", begin.elapsed()))
}

async fn stalled_readers(duration: Duration) -> anyhow::Result<String> {
    const CLIENTS: usize = 10;
    const STREAMS: usize = 20;
    let limit = duration.as_secs_f64().max(1.0);
    let server = Process::start(&["--timeout", &limit.to_string()]).await?;
    check(server.address).await?;
    let before = server.resident()?;
    let pour = mcp_stage::with_progress(mcp_stage::modern(1, "pour", json!({})), "p");
    let mut stalled = Vec::new();
    // Of HTTP/2, whose clients can stop reading one stream and go on with the connection.
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        // An event stream of a modern call, and one of a legacy session.
        let mut client = Client::with_little_room(server.address).await?;
        client.post(&modern("pour", json!({})).0, &pour).await?;
        stalled.push(client);
        let mut client = Client::with_little_room(server.address).await?;
        let session = client.open_session().await?;
        let call = mcp_stage::with_progress(mcp_stage::legacy(1, "pour", json!({})), "p");
        client.post(&format!("mcp-session-id: {session}\r\n"), &call).await?;
        stalled.push(client);
        let headers = modern("pour", json!({})).0;
        streams.push(UnreadStreams::open(server.address, STREAMS, &headers, &pour).await?);
        // A WebSocket.
        let mut client = Client::with_little_room(server.address).await?;
        client
            .write(
                "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 sec-websocket-protocol: mcp\r\n\r\n",
            )
            .await?;
        ensure!(client.reply().await?.status == 101);
        client.write(text_frame(&pour.to_string())).await?;
        stalled.push(client);
        // The stream of an HTTP+SSE session.
        let mut client = Client::with_little_room(server.address).await?;
        client.write("GET /sse HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
        let endpoint = loop {
            let line = client.line().await?;
            if let Some(endpoint) = line.strip_prefix("data: ") {
                break endpoint.trim().to_owned();
            }
        };
        let body = pour.to_string();
        let mut sender = Client::connect(server.address).await?;
        sender
            .write(format!(
                "POST {endpoint} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await?;
        ensure!(sender.reply().await?.status == 202);
        stalled.push(client);
    }
    // Memory is looked at for as long as they stand still, and until they are given up.
    let begin = Instant::now();
    let mut most = before;
    while begin.elapsed() < duration {
        most = most.max(server.resident()?);
        check(server.address).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let growth = most - before;
    let count = stalled.len() + streams.len();
    ensure!(growth < count as u64 * 2_000_000, "grew by {} for {count}", mb(growth),);
    // Who reads now is no longer one that reads nothing.
    tokio::time::sleep(Duration::from_secs_f64(2.0 * limit)).await;
    for client in &mut stalled {
        client.closed().await;
    }
    let (headers, call) = modern("echo", json!({"text": "still"}));
    for unread in streams {
        unread.given_up(&headers, &call).await?;
    }
    Ok(format!(
        "{count} of them, {CLIENTS} with {STREAMS} streams of HTTP/2: {} before, {} at most, and all were given up",
        mb(before),
        mb(most)
    ))
}

/// A text frame as a client sends it, masked with zeros.
fn text_frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut frame = vec![0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// What was accepted is answered: a connection may be closed, but not between the head of a request
/// that was read and its answer.
async fn drain(duration: Duration) -> anyhow::Result<String> {
    const CONNECTIONS: usize = 256;
    let server = Process::start(&[]).await?;
    let stopping = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for number in 0..CONNECTIONS {
        let (stopping, answered) = (Arc::clone(&stopping), Arc::clone(&answered));
        clients.spawn(call_until_stopped(server.address, number, stopping, answered));
    }
    tokio::time::sleep(duration).await;
    stopping.store(true, Ordering::SeqCst);
    let before = answered.load(Ordering::SeqCst);
    server.terminate()?;
    let mut closed_idle = 0;
    while let Some(client) = clients.join_next().await {
        closed_idle += u32::from(client??);
    }
    let begun = server.ended().await?;
    let total = answered.load(Ordering::SeqCst);
    ensure!(begun == total, "{begun} calls were begun, and {total} answered");
    Ok(format!(
        "{total} calls were begun and answered, {} of them after the signal; {closed_idle} connections \
         were closed before a further request was read",
        total - before
    ))
}

/// Calls until the server says that it stops. Whether the connection was closed while the last
/// request was on its way, without an answer having begun: HTTP allows that for idle connections,
/// and the client may send it again elsewhere.
async fn call_until_stopped(
    address: SocketAddr,
    number: usize,
    stopping: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) -> anyhow::Result<bool> {
    let mut client = Client::connect(address).await?;
    for round in number.. {
        let (headers, call) = match round % 4 {
            0 => modern("add", json!({"a": 1, "b": 2})),
            1 => modern("nap", json!({"milliseconds": 50})),
            2 => modern("text_of", json!({"bytes": 100_000})),
            _ => {
                let (headers, call) = modern("count", json!({"n": 20}));
                (headers, mcp_stage::with_progress(call, "p"))
            }
        };
        let sent = client.post(&headers, &call).await;
        let first = match sent {
            Ok(()) => client.stream.get_mut().readable().await.map_err(Into::into),
            Err(error) => Err(error),
        };
        let reply = match first {
            Ok(()) => client.reply().await,
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => {
                ensure!(reply.status == 200, "{reply:?}");
                ensure!(reply.body.contains("\"result\""), "{reply:?}");
                answered.fetch_add(1, Ordering::SeqCst);
                if reply.closes {
                    return Ok(false);
                }
            }
            Err(error) if stopping.load(Ordering::SeqCst) && is_before_answer(&error) => {
                return Ok(true);
            }
            Err(error) => return Err(error.context(format!("round {round}"))),
        }
    }
    Ok(false)
}

/// Whether nothing of an answer had come.
fn is_before_answer(error: &anyhow::Error) -> bool {
    error.to_string() == "the server has closed the connection"
        || error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
            )
        })
}

async fn redis(duration: Duration) -> anyhow::Result<String> {
    if !Redis::is_there() {
        ensure!(std::env::var("CI").as_deref() != Ok("true"), "there is no redis-server");
        return Ok("SKIPPED: there is no redis-server".into());
    }
    let folder = tempfile::tempdir()?;
    let url = format!("unix://{}", folder.path().join("redis.sock").display());
    let mut redis = Redis::start(folder.path()).await?;
    let first = Process::start(&["--session-store", &url]).await?;
    let second = Process::start(&["--session-store", &url]).await?;
    let begin = Instant::now();
    let mut rounds = 0;
    while rounds == 0 || begin.elapsed() < duration {
        rounds += 1;
        let session = Client::connect(first.address).await?.open_session().await?;
        call_in(&second, &session).await.context("at another replica")?;
        redis.stop().await?;
        let opening = mcp_stage::initialize(0, "2025-11-25");
        let refused = Client::connect(first.address).await?.ask("", &opening).await?;
        ensure!(refused.status == 503, "{refused:?}");
        ensure!(refused.body.contains("store of sessions cannot be reached"), "{refused:?}");
        call_in(&first, &session).await.context("in memory")?;
        check(first.address).await?;
        redis = Redis::start(folder.path()).await?;
        let session = Client::connect(first.address).await?.open_session().await?;
        call_in(&second, &session).await.context("after Redis came back")?;
    }
    Ok(format!("{rounds} times; errors in between were 503, and all worked again"))
}

async fn call_in(server: &Process, session: &str) -> anyhow::Result<()> {
    let call = mcp_stage::legacy(1, "add", json!({"a": 1, "b": 2}));
    let headers = format!("mcp-session-id: {session}\r\n");
    let reply = Client::connect(server.address).await?.ask(&headers, &call).await?;
    ensure!(reply.status == 200 && reply.body.contains("\"3\""), "{reply:?}");
    Ok(())
}
