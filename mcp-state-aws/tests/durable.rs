//! Tasks that outlive the invocation that made them, behind the emulator.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::time::Duration;

use mcp_core::{Server, tasks::TaskOptions};
use mcp_state_aws::{DynamoDbTaskStore, LambdaTaskRunner};
use mcp_testing::{
    __private::{block_on, lambda::this_binary},
    Moto,
    lambda::Emulator,
};
use serde_json::json;
use support::{
    Stage, TABLE,
    fault_proxy::{Fault, FaultProxy},
    function::{begin, deployed, end, send, temporary, tools, try_send},
};

fn server() -> Server {
    let tasks = TaskOptions::new()
        .store(DynamoDbTaskStore::new(TABLE))
        .runner(LambdaTaskRunner::new())
        .poll_interval(Duration::from_millis(20));
    tools(Server::builder("durable", "1")).tasks(tasks).build()
}

/// Where this binary is run as the function.
#[test]
fn lambda_function() {
    mcp_testing::__private::lambda::serve(async || server());
}

fn function(stage: &Stage) -> Emulator {
    through(stage, Moto::shared().url())
}

fn through(stage: &Stage, endpoint: &str) -> Emulator {
    deployed(this_binary(concat!(module_path!(), "::lambda_function")), stage, endpoint)
}

#[test]
fn work_goes_on_after_its_invocation_in_another() {
    block_on(async {
        let stage = Stage::set().await;
        let function = function(&stage);
        let file = temporary("lasts");
        let id = begin(&function, "last", json!({ "file": file.0 })).await;
        file.is_there().await;
        let task = send(&function, "tasks/get", json!({ "taskId": id })).await;
        assert_eq!(task["status"], "working");
        file.says("end");
        let task = end(&function, &id).await;
        assert_eq!(task["result"]["content"][0]["text"], "lasted", "{task}");
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn a_process_that_dies_in_the_midst_loses_nothing() {
    block_on(async {
        let stage = Stage::set().await;
        let function = function(&stage);
        let file = temporary("twice");
        let id = begin(&function, "crash", json!({ "file": file.0, "times": 2 })).await;
        let task = end(&function, &id).await;
        assert_eq!(task["result"]["content"][0]["text"], "lived after 2", "{task}");
        assert_eq!(function.faults().len(), 2, "{:?}", function.faults());
    });
}

#[test]
fn cancelling_reaches_the_work() {
    block_on(async {
        let stage = Stage::set().await;
        let function = function(&stage);
        let id = begin(&function, "work", json!({ "milliseconds": 60_000 })).await;
        send(&function, "tasks/cancel", json!({ "taskId": id })).await;
        assert_eq!(end(&function, &id).await["status"], "cancelled");
        // The invocation that works hears of it, and ends.
        while function.idle() < function.processes() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn work_that_no_process_survives_is_reported_as_failed_once() {
    block_on(async {
        let stage = Stage::set().await;
        let function = function(&stage).on_failure_itself();
        let file = temporary("always");
        let id = begin(&function, "crash", json!({ "file": file.0, "times": 99 })).await;
        let task = end(&function, &id).await;
        assert_eq!(task["status"], "failed", "{task}");
        assert!(task["error"]["message"].as_str().unwrap().contains("3 times"), "{task}");
        assert_eq!(std::fs::read(&file.0).unwrap().len(), 3);
        assert_eq!(end(&function, &id).await["lastUpdatedAt"], task["lastUpdatedAt"]);
    });
}

#[test]
fn a_table_that_throttles_delays_tasks_and_loses_none() {
    block_on(async {
        let (stage, proxy) = (Stage::set().await, FaultProxy::start().await);
        let function = through(&stage, &proxy.url);
        proxy.set(Fault::PassesOneOf(3));
        let mut ids = Vec::new();
        for _ in 0..3 {
            // The client makes its call once more, if it is told to.
            let params = json!({ "name": "work", "arguments": { "milliseconds": 50 } });
            loop {
                match try_send(&function, "tools/call", params.clone()).await {
                    Ok(task) => break ids.push(task["taskId"].as_str().unwrap().to_owned()),
                    Err(reply) => assert_eq!(reply["error"]["code"], -31503, "{reply}"),
                }
            }
        }
        for id in &ids {
            let task = loop {
                let task = try_send(&function, "tasks/get", json!({ "taskId": id })).await;
                match task {
                    Ok(task) if task["status"] == "working" => {}
                    Ok(task) => break task,
                    Err(reply) => assert_eq!(reply["error"]["code"], -31503, "{reply}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            assert_eq!(task["status"], "completed", "{task}");
        }
        assert!(proxy.refused() > 10, "{}", proxy.refused());
    });
}

#[test]
fn connections_to_the_table_that_are_cut_lose_nothing() {
    block_on(async {
        let (stage, proxy) = (Stage::set().await, FaultProxy::start().await);
        let function = through(&stage, &proxy.url);
        let file = temporary("cut");
        proxy.set(Fault::CutOnce("PutItem"));
        let id = begin(&function, "note", json!({ "file": file.0 })).await;
        proxy.set(Fault::CutOnce("GetItem"));
        let task = end(&function, &id).await;
        assert_eq!(task["status"], "completed", "{task}");
        assert_eq!(std::fs::read(&file.0).unwrap().len(), 1, "the work was done twice");
        assert_eq!(proxy.refused(), 2);
    });
}

#[test]
fn a_change_that_was_made_before_its_connection_was_cut_is_made_once() {
    block_on(async {
        let (stage, proxy) = (Stage::set().await, FaultProxy::start().await);
        let function = through(&stage, &proxy.url);
        let file = temporary("cut-once-done");
        proxy.set(Fault::CutOnceDone("PutItem"));
        let id = begin(&function, "last", json!({ "file": file.0 })).await;
        file.is_there().await;
        assert_eq!(proxy.refused(), 1);
        // And the one that says how it ended.
        proxy.set(Fault::CutOnceDone("PutItem"));
        file.says("end");
        let task = end(&function, &id).await;
        assert_eq!(task["result"]["content"][0]["text"], "lasted", "{task}");
        assert_eq!(proxy.refused(), 2);
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn a_table_that_is_away_in_the_midst_of_work_gets_its_outcome_later() {
    block_on(async {
        let (stage, proxy) = (Stage::set().await, FaultProxy::start().await);
        // The next of the three attempts is made when the table is there again.
        let function = through(&stage, &proxy.url).retry_after(Duration::from_secs(5));
        let file = temporary("away");
        let id = begin(&function, "last", json!({ "file": file.0 })).await;
        file.is_there().await;
        proxy.set(Fault::Throttled(""));
        let before = proxy.refused();
        file.says("end");
        // As long as it takes to find nobody to tell.
        while proxy.refused() < before + 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let reply = try_send(&function, "tasks/get", json!({ "taskId": id })).await.unwrap_err();
        assert_eq!(reply["error"]["code"], -31503, "{reply}");
        proxy.set(Fault::None);
        let task = end(&function, &id).await;
        assert_eq!(task["result"]["content"][0]["text"], "lasted", "{task}");
    });
}
