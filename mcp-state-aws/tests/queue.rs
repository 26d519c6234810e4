//! Tasks whose work goes through a queue, which is moto's: to a function, and to containers.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{sync::Arc, time::Duration};

use mcp_aws::{Client, Request, service};
use mcp_core::{Server, tasks::TaskOptions};
use mcp_state_aws::{DynamoDbTaskStore, SqsTaskRunner, SqsTaskWorker};
use mcp_testing::{
    __private::{block_on, lambda::this_binary},
    Moto,
    lambda::{Emulator, Outcome},
};
use serde_json::{Value, json};
use support::{
    Stage, TABLE,
    function::{begin, deployed, end, send, temporary, tools},
};
use tokio_util::sync::CancellationToken;

/// Tells the function where its queue is.
const QUEUE: &str = "MCP_TEST_QUEUE";

/// Where this binary is run as the function.
#[test]
fn lambda_function() {
    mcp_testing::__private::lambda::serve(async || {
        let runner = SqsTaskRunner::new(std::env::var(QUEUE).unwrap());
        server(DynamoDbTaskStore::new(TABLE), runner)
    });
}

fn server(store: DynamoDbTaskStore, runner: SqsTaskRunner) -> Server {
    let tasks =
        TaskOptions::new().store(store).runner(runner).poll_interval(Duration::from_millis(20));
    tools(Server::builder("queued", "1")).tasks(tasks).build()
}

struct Queue {
    url: String,
    client: Client,
}

impl Queue {
    async fn create(stage: &Stage) -> Self {
        let client = Client::new(&stage.config);
        let request = Request::new(&service::SQS, "CreateQueue").with("QueueName", "work");
        let created: Value = client.call(request).await.unwrap();
        Self { url: created["QueueUrl"].as_str().unwrap().to_owned(), client }
    }

    async fn ask(&self, operation: &'static str, members: Value) -> Value {
        let mut request =
            Request::new(&service::SQS, operation).with("QueueUrl", self.url.as_str());
        for (name, value) in members.as_object().unwrap() {
            request.set(name, value.clone());
        }
        self.client.call(request).await.unwrap_or_default()
    }

    /// How many messages are there, seen or unseen.
    async fn len(&self) -> u64 {
        let answer = self.ask("GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await;
        ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            .map(|name| answer["Attributes"][name].as_str().unwrap().parse::<u64>().unwrap())
            .iter()
            .sum()
    }

    async fn is_empty(&self) {
        while self.len().await > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// As an event source mapping with `ReportBatchItemFailures` does it: invokes with what there is,
    /// and deletes what is done with. What is not is visible again a second later.
    async fn invoke(&self, function: &Emulator) -> usize {
        let asked = json!({
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 1,
            "WaitTimeSeconds": 0,
            "AttributeNames": ["All"],
        });
        let received = self.ask("ReceiveMessage", asked).await;
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            return 0;
        }
        let record = |message: &Value| {
            json!({
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:work",
                "awsRegion": "us-east-1",
            })
        };
        let event = json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() });
        let failed = match function.invoke(event.to_string(), None).await {
            Outcome::Answered(reply) => {
                let reply: Value = serde_json::from_slice(&reply).unwrap();
                let failures = reply["batchItemFailures"].as_array().expect("a batch's reply");
                failures.iter().map(|failure| failure["itemIdentifier"].clone()).collect()
            }
            Outcome::Failed(_) => {
                messages.iter().map(|message| message["MessageId"].clone()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        for message in messages.iter().filter(|message| !failed.contains(&message["MessageId"])) {
            let receipt = message["ReceiptHandle"].clone();
            self.ask("DeleteMessage", json!({ "ReceiptHandle": receipt })).await;
        }
        failed.len()
    }
}

/// A function and its queue, with a mapping between the two.
async fn mapped(stage: &Stage) -> (Arc<Emulator>, Arc<Queue>, tokio::task::JoinHandle<()>) {
    let queue = Arc::new(Queue::create(stage).await);
    let function = this_binary(concat!(module_path!(), "::lambda_function")).env(QUEUE, &queue.url);
    let function = Arc::new(deployed(function, stage, Moto::shared().url()));
    let (source, target) = (Arc::clone(&queue), Arc::clone(&function));
    let mapping = tokio::spawn(async move {
        loop {
            source.invoke(&target).await;
        }
    });
    (function, queue, mapping)
}

#[test]
fn a_queue_brings_the_work_to_a_function() {
    block_on(async {
        let stage = Stage::set().await;
        let (function, queue, mapping) = mapped(&stage).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(begin(&function, "work", json!({ "milliseconds": 200 })).await);
        }
        for id in ids {
            let task = end(&function, &id).await;
            assert_eq!(task["result"]["content"][0]["text"], "worked 200 ms for None", "{task}");
        }
        queue.is_empty().await;
        mapping.abort();
    });
}

#[test]
fn a_process_that_dies_has_its_messages_delivered_again() {
    block_on(async {
        let stage = Stage::set().await;
        let (function, queue, mapping) = mapped(&stage).await;
        let (lives, dies) = (temporary("queue-lives"), temporary("queue-dies"));
        let lives = begin(&function, "crash", json!({ "file": lives.0, "times": 1 })).await;
        let task = end(&function, &lives).await;
        assert_eq!(task["result"]["content"][0]["text"], "lived after 1", "{task}");

        let failed = begin(&function, "crash", json!({ "file": dies.0, "times": 99 })).await;
        let task = end(&function, &failed).await;
        assert_eq!(task["status"], "failed", "{task}");
        assert!(task["error"]["message"].as_str().unwrap().contains("3 times"), "{task}");
        assert_eq!(std::fs::read(&dies.0).unwrap().len(), 3);
        queue.is_empty().await;
        mapping.abort();
    });
}

#[test]
fn of_a_batch_only_what_failed_is_delivered_again() {
    block_on(async {
        let stage = Stage::set().await;
        let queue = Queue::create(&stage).await;
        let function = this_binary(concat!(module_path!(), "::lambda_function"));
        let function = function.env(QUEUE, &queue.url);
        let function = deployed(function, &stage, Moto::shared().url());
        let file = temporary("queue-note");
        let id = begin(&function, "note", json!({ "file": file.0 })).await;
        queue.ask("SendMessage", json!({ "MessageBody": "this is no work" })).await;
        // Moto gives what there is, which may take it more than one answer.
        while queue.invoke(&function).await == 0 {}
        assert_eq!(end(&function, &id).await["status"], "completed");
        assert_eq!(queue.len().await, 1);
        assert_eq!(std::fs::read(&file.0).unwrap().len(), 1);
    });
}

#[test]
fn cancelling_reaches_work_that_came_from_a_queue() {
    block_on(async {
        let stage = Stage::set().await;
        let (function, queue, mapping) = mapped(&stage).await;
        let id = begin(&function, "work", json!({ "milliseconds": 60_000 })).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        send(&function, "tasks/cancel", json!({ "taskId": id })).await;
        assert_eq!(end(&function, &id).await["status"], "cancelled");
        queue.is_empty().await;
        mapping.abort();
    });
}

/// Answers of a replica, as those of a function.
async fn ask(server: &Server, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        },
    });
    let text = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let Ok(mcp_core::Message::Request(request)) = mcp_core::Message::parse(text) else { panic!() };
    let reply = server.call(request).response().await.into_bytes();
    let mut reply: Value = serde_json::from_slice(&reply).unwrap();
    assert!(reply["error"].is_null(), "{reply}");
    reply["result"].take()
}

#[test]
fn containers_share_the_queue_and_the_store() {
    block_on(async {
        let stage = Stage::set().await;
        let queue = Queue::create(&stage).await;
        let replica = || {
            let store = DynamoDbTaskStore::new(TABLE).client(stage.client.clone());
            server(store, SqsTaskRunner::new(&queue.url).client(queue.client.clone()))
        };
        // One answers, another works, a third is asked.
        let (front, back, third) = (replica(), replica(), replica());
        let stop = CancellationToken::new();
        let working = {
            let worker = SqsTaskWorker::new(&queue.url).client(queue.client.clone()).concurrency(2);
            let (back, stop) = (back.clone(), stop.clone());
            tokio::spawn(async move { worker.run(&back, stop).await })
        };
        let mut ids = Vec::new();
        for _ in 0..5 {
            let call = json!({ "name": "work", "arguments": { "milliseconds": 100 } });
            let task = ask(&front, "tools/call", call).await;
            ids.push(task["taskId"].as_str().unwrap().to_owned());
        }
        for id in ids {
            let task = loop {
                let task = ask(&third, "tasks/get", json!({ "taskId": id })).await;
                if task["status"] != "working" {
                    break task;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            assert_eq!(task["status"], "completed", "{task}");
        }
        queue.is_empty().await;
        stop.cancel();
        working.await.unwrap();
    });
}
