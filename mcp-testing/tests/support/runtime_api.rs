//! The Runtime API as a function speaks to it that has no runtime: by hand.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

/// One exchange with the Runtime API: the response's headers and body.
pub fn exchange(request: &str) -> (String, String) {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "cut off after {head}");
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

pub fn next() -> (String, String) {
    let (head, event) =
        exchange("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n");
    let id = head.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
    assert!(head.contains("lambda-runtime-deadline-ms"), "{head}");
    (id.unwrap().trim().to_owned(), event)
}

pub fn post(id: &str, what: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    exchange(&format!(
        "POST /2018-06-01/runtime/invocation/{id}/{what} HTTP/1.1\r\nhost: x\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    ))
    .0
}
