//! What a program sees that starts a server: this very binary, started again with `serve`.

#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    sync::Arc,
    time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial};
use mcp_core::Transport as _;
use mcp_stage::{Stage, initialize, initialized, legacy, modern, server, text};
use mcp_transport_stdio::StdioTransport;
use serde_json::{Value, json};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(1),
        Some("serve-twice") => serve(2),
        _ => libtest_mimic::run(&Arguments::from_args(), tests()).exit_code(),
    }
}

fn tests() -> Vec<Trial> {
    type Test = fn() -> io::Result<()>;
    let mut tests: Vec<(&str, Test)> = vec![
        ("a_line_in_a_shell_is_answered", a_line_in_a_shell_is_answered),
        ("the_end_of_input_ends_the_process_in_order", the_end_of_input_ends_the_process_in_order),
        ("a_legacy_session_works_over_the_process_streams", a_legacy_session),
        ("a_client_that_stops_reading_ends_the_process_in_order", a_broken_pipe),
        ("no_input_at_all_ends_the_process_in_order", no_input_at_all),
        ("a_large_message_passes_both_ways", a_large_message_passes_both_ways),
    ];
    #[cfg(unix)]
    tests.extend([
        ("what_tools_print_goes_to_standard_error", unix::what_tools_print as Test),
        ("what_tools_print_is_discarded_where_errors_go_to_output", unix::errors_to_output),
        ("files_can_be_the_streams", unix::files),
        ("sockets_can_be_the_streams", unix::sockets),
        ("one_socket_can_be_all_streams", unix::one_socket),
        ("a_shutdown_ends_the_process_while_input_is_open", unix::a_shutdown),
        ("the_streams_can_be_served_again", unix::the_streams_can_be_served_again),
        ("the_clients_ends_stay_blocking", unix::the_clients_ends_stay_blocking),
    ]);
    tests
        .into_iter()
        .map(|(name, test)| Trial::test(name, move || test().map_err(Failed::from)))
        .collect()
}

/// The server's side, this many times over. One thread, as a small server would have.
fn serve(times: usize) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..times {
            let stage = Arc::<Stage>::default();
            let transport = StdioTransport::new().grace(Duration::from_secs(60));
            if let Err(error) = transport.serve(server(&stage), stage.stopped.clone()).await {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
        ExitCode::SUCCESS
    })
}

fn command(mode: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(mode);
    command
}

/// A server behind pipes.
struct Server {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> io::Result<Self> {
        let mut process = command("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self {
            input: process.stdin.take(),
            output: BufReader::new(process.stdout.take().unwrap()),
            process,
        })
    }

    fn send(&mut self, message: &Value) -> io::Result<()> {
        self.input.as_mut().unwrap().write_all(format!("{message}\n").as_bytes())
    }

    fn answer(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    fn ask(&mut self, message: &Value) -> io::Result<Value> {
        self.send(message)?;
        self.answer()
    }

    /// Closes the input; returns what comes on output and on standard error, and checks that the
    /// process ends well.
    fn close(mut self) -> io::Result<(String, String)> {
        self.input = None;
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output)?;
        self.process.stderr.take().unwrap().read_to_string(&mut errors)?;
        assert!(self.process.wait()?.success(), "{errors}");
        Ok((output, errors))
    }
}

fn a_line_in_a_shell_is_answered() -> io::Result<()> {
    let mut server = Server::start()?;
    let answer = server.ask(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))?;
    assert!(answer["result"]["tools"].is_array());
    assert_eq!(server.close()?, (String::new(), String::new()));
    Ok(())
}

fn the_end_of_input_ends_the_process_in_order() -> io::Result<()> {
    let mut server = Server::start()?;
    for id in 0..100 {
        server.send(&modern(id, "yields", json!({"text": "late"})))?;
    }
    let (output, _) = server.close()?;
    assert_eq!(output.lines().count(), 100);
    Ok(())
}

fn a_legacy_session() -> io::Result<()> {
    let mut server = Server::start()?;
    let answer = server.ask(&initialize(0, "2025-11-25"))?;
    assert_eq!(answer["result"]["serverInfo"]["name"], "stage");
    server.send(&initialized())?;
    assert_eq!(text(&server.ask(&legacy(1, "add", json!({"a": 1, "b": 2})))?), "3");
    server.send(&legacy(2, "yields", json!({"text": "late"})))?;
    let (output, _) = server.close()?;
    assert_eq!(text(&serde_json::from_str(&output)?), "late");
    Ok(())
}

fn a_broken_pipe() -> io::Result<()> {
    let Server { mut process, input, output } = Server::start()?;
    drop(output);
    let mut input = input.unwrap();
    writeln!(input, "{}", modern(1, "wait", json!({})))?;
    writeln!(input, "{}", modern(2, "echo", json!({"text": "to nobody"})))?;
    assert!(process.wait()?.success());
    Ok(())
}

fn no_input_at_all() -> io::Result<()> {
    let output = command("serve").stdin(Stdio::null()).output()?;
    assert!(output.status.success());
    assert!(output.stdout.is_empty());
    Ok(())
}

fn a_large_message_passes_both_ways() -> io::Result<()> {
    let mut server = Server::start()?;
    let long = "x".repeat(9 * 1024 * 1024);
    let answer = server.ask(&modern(1, "echo", json!({"text": long})))?;
    assert!(text(&answer) == long);
    server.close()?;
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    };

    use super::*;

    pub(super) fn what_tools_print() -> io::Result<()> {
        let mut server = Server::start()?;
        let answer = server.ask(&modern(1, "print", json!({})))?;
        assert_eq!(text(&answer), "exit status: 0");
        let answer = server.ask(&modern(2, "echo", json!({"text": "after"})))?;
        assert_eq!(text(&answer), "after");
        let (output, errors) = server.close()?;
        assert_eq!(output, "");
        for printed in ["printed by a tool", "without a line break", "printed by a child\n0\n"] {
            assert!(errors.contains(printed), "{errors}");
        }
        Ok(())
    }

    pub(super) fn errors_to_output() -> io::Result<()> {
        let (reader, writer) = io::pipe()?;
        let mut command = command("serve");
        let mut process =
            command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer).spawn()?;
        drop(command);
        let mut input = process.stdin.take().unwrap();
        writeln!(input, "{}", modern(1, "print", json!({})))?;
        drop(input);
        let output = io::read_to_string(reader)?;
        assert_eq!(output.lines().count(), 1, "{output}");
        assert_eq!(text(&serde_json::from_str(&output)?), "exit status: 0");
        assert!(process.wait()?.success());
        Ok(())
    }

    /// A file that nobody else sees.
    fn temporary_file(name: &str) -> io::Result<File> {
        let path =
            std::env::temp_dir().join(format!("mcp-stdio-test-{}-{name}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(path)?;
        Ok(file)
    }

    pub(super) fn files() -> io::Result<()> {
        use std::io::{Seek as _, SeekFrom};
        let mut input = temporary_file("in")?;
        let mut output = temporary_file("out")?;
        let long = "x".repeat(3 * 1024 * 1024);
        for id in 0..3 {
            writeln!(input, "{}", modern(id, "echo", json!({"text": long})))?;
        }
        input.seek(SeekFrom::Start(0))?;
        let status = command("serve").stdin(input).stdout(output.try_clone()?).status()?;
        assert!(status.success());
        output.seek(SeekFrom::Start(0))?;
        let mut answers = 0;
        for line in BufReader::new(output).lines() {
            assert!(text(&serde_json::from_str(&line?)?) == long);
            answers += 1;
        }
        assert_eq!(answers, 3);
        Ok(())
    }

    /// As Node starts its children.
    pub(super) fn sockets() -> io::Result<()> {
        let (mut to_server, input) = UnixStream::pair()?;
        let (from_server, output) = UnixStream::pair()?;
        let mut command = command("serve");
        let mut process = command
            .stdin(Stdio::from(OwnedFd::from(input)))
            .stdout(Stdio::from(OwnedFd::from(output)))
            .spawn()?;
        drop(command);
        for id in 0..1000 {
            writeln!(to_server, "{}", modern(id, "echo", json!({"text": "socket"})))?;
        }
        to_server.shutdown(std::net::Shutdown::Write)?;
        let answers = BufReader::new(from_server).lines().collect::<Result<Vec<_>, _>>()?;
        assert_eq!(answers.len(), 1000);
        assert!(process.wait()?.success());
        Ok(())
    }

    /// As a super-server starts its children: standard error must stay as it is.
    pub(super) fn one_socket() -> io::Result<()> {
        let (mut client, server) = UnixStream::pair()?;
        let stream = || io::Result::Ok(Stdio::from(OwnedFd::from(server.try_clone()?)));
        let mut process =
            command("serve").stdin(stream()?).stdout(stream()?).stderr(stream()?).spawn()?;
        writeln!(client, "{}", modern(1, "echo", json!({"text": "one"})))?;
        client.shutdown(std::net::Shutdown::Write)?;
        assert!(process.wait()?.success());
        assert!(!is_nonblocking(&server)?);
        drop(server);
        let answer: Value = serde_json::from_str(&io::read_to_string(client)?)?;
        assert_eq!(text(&answer), "one");
        Ok(())
    }

    pub(super) fn a_shutdown() -> io::Result<()> {
        let mut server = Server::start()?;
        assert_eq!(text(&server.ask(&modern(1, "stop", json!({})))?), "stopped");
        assert!(server.process.wait()?.success());

        // A socket that is standard error, too, is read by a thread.
        let (mut client, here) = UnixStream::pair()?;
        let stream = || io::Result::Ok(Stdio::from(OwnedFd::from(here.try_clone()?)));
        let mut process =
            command("serve").stdin(stream()?).stdout(Stdio::null()).stderr(stream()?).spawn()?;
        client.write_all(format!("{}\n", modern(1, "stop", json!({}))).as_bytes())?;
        assert!(process.wait()?.success());
        drop(client);
        Ok(())
    }

    pub(super) fn the_streams_can_be_served_again() -> io::Result<()> {
        let mut command = command("serve-twice");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        let mut input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        for tool in ["print", "stop", "print", "print"] {
            input.write_all(format!("{}\n", modern(1, tool, json!({}))).as_bytes())?;
            let mut line = String::new();
            output.read_line(&mut line)?;
            let answer: Value = serde_json::from_str(&line)?;
            let expected = if tool == "stop" { "stopped" } else { "exit status: 0" };
            assert_eq!(text(&answer), expected);
        }
        drop(input);
        assert!(process.wait()?.success());
        Ok(())
    }

    pub(super) fn the_clients_ends_stay_blocking() -> io::Result<()> {
        // The very ends that the server gets, which a shell would hand to others, too.
        let (server_input, mut input) = io::pipe()?;
        let (mut output, server_output) = io::pipe()?;
        let mut process = command("serve")
            .stdin(server_input.try_clone()?)
            .stdout(server_output.try_clone()?)
            .spawn()?;
        writeln!(input, "{}", modern(1, "echo", json!({"text": "x"})))?;
        let mut byte = [0];
        output.read_exact(&mut byte)?;
        assert!(!is_nonblocking(&server_input)? && !is_nonblocking(&server_output)?);
        drop(input);
        assert!(process.wait()?.success());
        Ok(())
    }

    fn is_nonblocking(stream: impl AsFd) -> io::Result<bool> {
        Ok(rustix::fs::fcntl_getfl(stream)?.contains(rustix::fs::OFlags::NONBLOCK))
    }
}
