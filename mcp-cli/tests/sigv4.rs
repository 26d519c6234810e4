//! `--sigv4`: what is sent is signed as AWS's documentation has it ("Create a signed AWS API request").

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
};

use sha2::{Digest as _, Sha256};
use support::{mcp_with, stdio};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 2104, for keys that are no longer than a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> {
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        block.iter().map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::digest([pad(0x36).as_slice(), text].concat());
    Sha256::digest([pad(0x5c).as_slice(), &inner].concat()).to_vec()
}

#[test]
fn a_request_carries_the_signature_that_its_content_has() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = BufReader::new(stream);
        let mut first = String::new();
        stream.read_line(&mut first).unwrap();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.get_mut().write_all(answer).unwrap();
        (first, headers, body)
    });
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let url = format!("http://{address}/v1/mcp");
    let arguments = ["list", &url, "--sigv4", "execute-api", "--era", "modern"];
    let refused = mcp_with(&environment, &arguments);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(!refused.err.contains(SECRET), "{refused:?}");

    let (first, headers, body) = server.join().unwrap();
    assert_eq!(first.trim(), "POST /v1/mcp HTTP/1.1");
    let authorization = headers["authorization"].strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
    let parts: BTreeMap<&str, &str> =
        authorization.split(", ").filter_map(|part| part.split_once('=')).collect();
    let date = &headers["x-amz-date"];
    let scope = format!("{}/eu-west-1/execute-api/aws4_request", &date[..8]);
    assert_eq!(parts["Credential"], format!("AKIDEXAMPLE/{scope}"));
    assert_eq!(headers["x-amz-security-token"], "token");
    let signed = parts["SignedHeaders"];
    assert!(["host", "x-amz-date", "x-amz-security-token"].iter().all(|it| signed.contains(it)));

    let lines: String =
        signed.split(';').map(|name| format!("{name}:{}\n", headers[name])).collect();
    let request = format!("POST\n/v1/mcp\n\n{lines}\n{signed}\n{}", hex(&Sha256::digest(&body)));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part.as_bytes());
    }
    assert_eq!(parts["Signature"], hex(&hmac(&key, to_sign.as_bytes())));
}

#[test]
fn what_cannot_be_signed_is_told_in_one_line() {
    let program = mcp_with(&[], &["list", &stdio(), "--sigv4", "lambda"]);
    assert_eq!((program.code, program.err.lines().count()), (2, 1), "{program:?}");
    let nobody = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let unsigned = mcp_with(&nobody, &["list", "http://127.0.0.1:1/mcp", "--sigv4", "lambda"]);
    assert_eq!((unsigned.code, unsigned.err.lines().count()), (4, 1), "{unsigned:?}");
    assert!(unsigned.err.contains("AWS_PROFILE"), "{unsigned:?}");
}
