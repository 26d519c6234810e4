//! `mcp dev`: a function behind every door, and a changed one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::Value;
use support::{desk, mcp};

/// `mcp dev`, until it is dropped.
struct Dev {
    child: Child,
    doors: Vec<(String, String)>,
    said: Receiver<String>,
}

impl Dev {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mcp"))
            .args(["dev", "--json", "--port", "0"])
            .arg(program)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, said) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut document = Vec::new();
        let mut stdout = child.stdout.take().unwrap();
        let document: Value = loop {
            let mut byte = [0];
            assert_eq!(
                stdout.read(&mut byte).unwrap(),
                1,
                "{}",
                String::from_utf8_lossy(&document)
            );
            document.push(byte[0]);
            if let (b'\n', Ok(whole)) = (byte[0], serde_json::from_slice(&document)) {
                break whole;
            }
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let doors = document["doors"].as_array().unwrap().iter();
        let doors = doors.map(|door| (text(&door["door"]), text(&door["url"]))).collect();
        Self { child, doors, said }
    }

    /// Waits until it says something.
    fn hears(&self, part: &str) {
        let patience = Duration::from_secs(60);
        while !self.said.recv_timeout(patience).expect(part).contains(part) {}
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_function_answers_behind_every_door_and_is_renewed_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("bootstrap");
    fs::copy(desk(), &program).unwrap();
    let dev = Dev::start(&program);
    let names: Vec<&str> = dev.doors.iter().map(|(door, _)| door.as_str()).collect();
    assert!(names.contains(&"function-url-stream") && names.contains(&"invoke"), "{names:?}");
    for (door, url) in dev.doors.iter().filter(|(door, _)| door != "invoke") {
        let sum = mcp(&["call", url, "add", "a=2", "b=40"]);
        assert_eq!(sum.out, "42\n", "{door}: {sum:?}");
    }

    // As a linker does: a new file in the place of the old one.
    let other = folder.path().join("other");
    fs::copy(desk(), &other).unwrap();
    fs::rename(&other, &program).unwrap();
    dev.hears("the next request meets the new program");
    let (_, url) = &dev.doors[0];
    let echo = mcp(&["call", url, "echo", "text=new"]);
    assert_eq!(echo.out, "new\n", "{echo:?}");
}

#[test]
fn what_cannot_be_run_is_explained() {
    let missing = mcp(&["dev", "no-such-program-here"]);
    assert_eq!(missing.code, 2, "{missing:?}");
    let program = desk();
    let door = mcp(&["dev", "--door", "window", program.to_str().unwrap()]);
    assert_eq!(door.code, 2, "{door:?}");
    assert!(door.err.contains("function-url-stream"), "{door:?}");
}
