//! `mcp cost`: figures from flags and from what is measured, as a table and as a chart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Listening, mcp, stdio};

fn month(costs: &Value, target: &str) -> f64 {
    let options = costs["costs"]["options"].as_array().unwrap();
    let option = options.iter().find(|option| option["target"] == *target).unwrap();
    option["monthly_usd"].as_f64().unwrap()
}

#[test]
fn flags_say_what_is_asked_of_the_server() {
    // docs/cost.md recomputes a figure that circulates ten times too high.
    let costs = mcp(&[
        "cost",
        "--requests",
        "1000000",
        "--duration-ms",
        "2000",
        "--memory-mb",
        "1024",
        "--arch",
        "x86_64",
        "--payload-kb",
        "0",
        "--json",
    ])
    .json();
    let lambda = &costs["costs"]["options"];
    let lambda = lambda.as_array().unwrap().iter();
    let lambda = lambda.clone().find(|it| it["target"] == "lambda_function_url").unwrap();
    let computing: f64 = lambda["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["item"].as_str().unwrap() != "Logs ingested")
        .map(|line| line["usd"].as_f64().unwrap())
        .sum();
    assert!((computing - 33.53).abs() < 0.01, "{lambda}");
    assert_eq!(costs["workload"]["memory_mb"], json!(1024));
    assert!(costs["costs"]["break_even"].as_array().is_some_and(|points| !points.is_empty()));
    assert!(month(&costs, "fargate") > month(&costs, "fargate_spot"));
}

#[test]
fn people_see_every_place_with_and_without_free_tier_and_the_break_even() {
    let costs = mcp(&["cost", "--requests", "500000"]);
    assert_eq!(costs.code, 0, "{costs:?}");
    for part in [
        "500,000 requests a month",
        "with free tier",
        "Function URL",
        "HTTP API",
        "REST API",
        "load balancer",
        "Fargate",
        "ECS on EC2",
        "EKS",
        "one EC2 instance",
        "AgentCore",
        "Break-even",
        "up to ",
    ] {
        assert!(costs.out.contains(part), "{part}: {}", costs.out);
    }
}

#[test]
fn a_chart_is_drawn_as_its_name_says() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("costs.svg", &b"<svg"[..]), ("costs.png", b"\x89PNG")] {
        let file = folder.path().join(name);
        let drawn = mcp(&["cost", "--requests", "20000000", "--chart", file.to_str().unwrap()]);
        assert_eq!(drawn.code, 0, "{drawn:?}");
        assert!(fs::read(&file).unwrap().starts_with(start), "{name}");
    }
    let svg = fs::read_to_string(folder.path().join("costs.svg")).unwrap();
    for part in ["Lambda with a Function URL", "gets cheaper at", "20M"] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn calls_of_a_tool_say_how_long_they_take_and_how_large_they_are() {
    let text = "x".repeat(50_000);
    let arguments = json!({ "text": text }).to_string();
    let costs = mcp(&[
        "cost",
        "--load",
        &stdio(),
        "--tool",
        "echo",
        "--args",
        &arguments,
        "--calls",
        "5",
        "--json",
    ])
    .json();
    let size = costs["workload"]["payload_kb"].as_f64().unwrap();
    assert!((48.0..60.0).contains(&size), "{size}");
    assert_eq!(costs["workload"]["duration_ms"], costs["measured"]["duration_ms"]);
    let failed = mcp(&["cost", "--load", &stdio(), "--tool", "none"]);
    assert_eq!((failed.code, failed.err.lines().count()), (1, 1), "{failed:?}");
}

#[test]
fn the_metrics_of_a_server_say_how_long_requests_take() {
    let listening = Listening::start(&["--metrics"]);
    let (url, metrics) = (listening.url("http", "/mcp"), listening.url("http", "/metrics"));
    let none = mcp(&["cost", "--metrics", &metrics, "--over", "0.1"]);
    assert_eq!((none.code, none.err.lines().count()), (1, 1), "{none:?}");
    assert!(none.err.contains("--requests"), "{none:?}");
    assert_eq!(mcp(&["call", &url, "add", "a=1", "b=1"]).code, 0);
    let costs = mcp(&["cost", "--metrics", &metrics, "--requests", "1000", "--json"]).json();
    assert_eq!(costs["workload"]["requests_per_month"], json!(1000));
    assert_eq!(costs["workload"]["duration_ms"], costs["measured"]["duration_ms"]);
    assert!(costs["measured"]["how"].as_str().unwrap().contains("since the server started"));
    let other = mcp(&["cost", "--metrics", &listening.url("http", "/health")]);
    assert_eq!((other.code, other.err.lines().count()), (3, 1), "{other:?}");
}

#[test]
fn what_cannot_be_right_is_one_line() {
    for (arguments, part) in [
        (&["--region", "mars-north-1"][..], "us-east-1"),
        (&["--task-vcpu", "3"], "vCPU"),
        (&["--chart", "costs.pdf"], ".svg or .png"),
        (&["--prices", "none.toml"], "none.toml"),
        (&["--payload-kb=-1"], "payload-kb"),
        (&["--load", "server stdio", "--tool", "x", "--args", "[]"], "JSON object"),
    ] {
        let said = mcp(&[&["cost"], arguments].concat());
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(part), "{said:?}");
    }
}
