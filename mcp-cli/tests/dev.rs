//! `mcp dev`: a function behind every door, and a changed one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use serde_json::json;
use support::{Dev, desk, mcp, mcp_with};

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

#[test]
fn a_program_is_found_on_the_path() {
    let program = desk();
    let path = program.parent().unwrap().to_str().unwrap();
    let elsewhere = mcp_with(&[("PATH", "")], &["dev", "--door", "window", "desk"]);
    assert!(elsewhere.err.contains("no program"), "{elsewhere:?}");
    // What is wrong then is the door.
    let found = mcp_with(&[("PATH", path)], &["dev", "--door", "window", "desk"]);
    assert!(found.err.contains("function-url-stream"), "{found:?}");
}

#[test]
fn a_function_is_called_by_its_name_as_aws_has_it() {
    let dev = Dev::start(&desk());
    let endpoint = dev.endpoint("invoke");
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let named = "arn:aws:lambda:eu-west-1:123456789012:function:desk:live";
    for target in ["lambda:desk", "lambda:desk:live", &format!("lambda:{named}")] {
        for era in ["auto", "modern"] {
            let sum = mcp_with(&environment, &["call", target, "--era", era, "add", "a=2", "b=40"]);
            assert_eq!(sum.out, "42\n", "{target} {era}: {sum:?}");
        }
    }
    let list = mcp_with(&environment, &["list", "lambda:desk", "--json"]).json();
    assert_eq!(list["tools"][0]["name"], json!("add"));
    let wrong = mcp_with(&environment, &["call", "lambda:desk", "add", "a=one"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");

    // Nobody is there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("http://{free}");
    let nowhere = [&environment[1..], &[("AWS_ENDPOINT_URL", nowhere.as_str())]].concat();
    let gone = mcp_with(&nowhere, &["list", "lambda:desk"]);
    assert_eq!((gone.code, gone.err.lines().count()), (3, 1), "{gone:?}");
    let nobody = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let unsigned = mcp_with(&nobody, &["list", "lambda:desk"]);
    assert_eq!((unsigned.code, unsigned.err.lines().count()), (3, 1), "{unsigned:?}");
    assert!(unsigned.err.contains("AWS_PROFILE"), "{unsigned:?}");
}

#[test]
fn requests_to_a_function_url_are_signed() {
    let dev = Dev::start(&desk());
    let (_, url) = dev.doors.iter().find(|(door, _)| door == "function-url-stream").unwrap();
    let environment = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    for era in ["modern", "legacy"] {
        let call = ["call", url, "--sigv4", "lambda", "--era", era, "add", "a=2", "b=40"];
        let sum = mcp_with(&environment, &call);
        assert_eq!(sum.out, "42\n", "{era}: {sum:?}");
    }
}
