//! What takes long: a first load that questions wait for, and forecasts of many series. Both tell how
//! far they are, and go on as a task where the client knows tasks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_core::{Message, Server};
use mcp_testing::Harness;
use mcp_tools_sales::{
    Affinity, AffinityQuery, Answer, Description, Dimension, Names, Query, QueryError, SalesEngine,
    SalesStore,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// An engine whose data is being loaded until somebody opens it.
#[derive(Debug)]
struct Loading {
    store: SalesStore,
    open: Arc<Semaphore>,
}

impl Loading {
    async fn store(&self) -> &SalesStore {
        let _open = self.open.acquire().await;
        &self.store
    }
}

#[async_trait]
impl SalesEngine for Loading {
    async fn describe(&self) -> Result<Arc<Description>, QueryError> {
        self.store().await.describe().await
    }

    async fn names(&self, dimension: Dimension) -> Result<Arc<Names>, QueryError> {
        SalesEngine::names(self.store().await, dimension).await
    }

    async fn answer(&self, query: &Query) -> Result<Answer, QueryError> {
        SalesEngine::answer(self.store().await, query).await
    }

    async fn affinity(&self, query: &AffinityQuery) -> Result<Affinity, QueryError> {
        self.store().await.affinity(query).await
    }

    fn progress(&self) -> Option<(u64, u64)> {
        (self.open.available_permits() == 0).then_some((3_000, 10_000))
    }
}

/// Six operations that sell every day of ten weeks.
fn store() -> SalesStore {
    let start: chrono::NaiveDate = "2024-01-01".parse().unwrap();
    let mut csv = "date,product,category,operation,units,revenue\n".to_owned();
    for (day, date) in start.iter_days().take(70).enumerate() {
        for operation in 1..=6 {
            let units = operation * [12, 9, 10, 11, 15, 30, 25][day % 7];
            csv += &format!("{date},Lamp,Furniture,Branch {operation},{units},{units}.50\n");
        }
    }
    SalesStore::from_reader("sales.csv", csv.as_bytes()).unwrap()
}

fn loading() -> (Server, Arc<Semaphore>) {
    let open = Arc::new(Semaphore::new(0));
    let engine = Loading { store: store(), open: Arc::clone(&open) };
    let sales = mcp_tools_sales::Sales::new(engine);
    (Server::builder("sales", "1.0").pack(mcp_tools_sales::pack(sales)).build(), open)
}

/// The result of a request of a client that knows tasks.
async fn ask(server: &Server, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": mcp_core::LATEST_VERSION,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1.0"},
        "io.modelcontextprotocol/clientCapabilities":
            {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    });
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let Ok(Message::Request(request)) = Message::parse(request.to_string()) else {
        panic!("not a request: {request}")
    };
    let response = server.call(request).response().await.into_bytes();
    serde_json::from_slice::<Value>(&response).unwrap()["result"].take()
}

/// What a task comes to.
async fn end(server: &Server, handle: &Value) -> Value {
    assert_eq!(handle["resultType"], "task", "{handle}");
    loop {
        let mut task = ask(server, "tasks/get", json!({"taskId": handle["taskId"]})).await;
        match task["status"].as_str().unwrap() {
            "working" => tokio::time::sleep(Duration::from_millis(20)).await,
            "completed" => return task["result"].take(),
            _ => panic!("{task}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_tells_how_far_the_first_load_is() {
    let (server, open) = loading();
    let mcp = Harness::in_memory(server).await;
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        open.add_permits(9);
    };
    let (outcome, ()) = tokio::join!(mcp.try_call("top_n_products", json!({"n": 1})), later);
    let outcome = outcome.unwrap();
    let answer: Value = outcome.structured();
    assert_eq!(answer["products"][0]["product"], "Lamp");
    let told = outcome.progress();
    assert!(!told.is_empty());
    for progress in told {
        assert_eq!((progress.progress, progress.total), (3_000.0, Some(10_000.0)));
        assert_eq!(progress.message.as_deref(), Some("loading the sales data"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_load_that_takes_long_makes_the_question_a_task() {
    let (server, open) = loading();
    let call = json!({"name": "sales_summary", "arguments": {}});
    let handle = ask(&server, "tools/call", call.clone()).await;
    open.add_permits(9);
    let result = end(&server, &handle).await;
    let direct = ask(&server, "tools/call", call).await;
    assert_eq!(result["structuredContent"], direct["structuredContent"]);
    assert_eq!(direct["structuredContent"]["order_lines"], 420);
}

#[tokio::test]
async fn forecasts_of_many_series_are_a_task() {
    let server = Server::builder("sales", "1.0").pack(mcp_tools_sales::pack(store())).build();
    let call = |n| {
        let arguments =
            json!({"horizon": 3, "grain": "day", "by": "operation", "n": n, "measure": "units"});
        json!({"name": "forecast_sales", "arguments": arguments})
    };
    let few = ask(&server, "tools/call", call(2)).await;
    assert_eq!(few["structuredContent"]["series"].as_array().map(Vec::len), Some(2), "{few}");
    let handle = ask(&server, "tools/call", call(6)).await;
    let result = end(&server, &handle).await;
    let series = result["structuredContent"]["series"].as_array().unwrap();
    let names: Vec<_> = series.iter().map(|series| series["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Branch 6", "Branch 5", "Branch 4", "Branch 3", "Branch 2", "Branch 1"]);
    // 2024-03-11 is a Monday.
    assert_eq!(series[5]["forecast"][0]["value"], 12.0);
}

fn server() -> Server {
    Server::builder("sales", "1.0").pack(mcp_tools_sales::pack(store())).build()
}

#[mcp_testing::test(server())]
async fn forecasts_of_many_series_tell_how_far_they_are(mcp: Harness) {
    let arguments = json!({"horizon": 2, "grain": "day", "by": "operation", "n": 6});
    let outcome = mcp.try_call("forecast_sales", arguments).await.unwrap();
    let answer: Value = outcome.structured();
    assert_eq!(answer["series"].as_array().map(Vec::len), Some(6));
    let told: Vec<_> = outcome
        .progress()
        .iter()
        .map(|told| (told.progress, told.total, told.message.clone().unwrap()))
        .collect();
    let expected: Vec<_> = (0..6)
        .map(|done| (f64::from(done), Some(6.0), format!("forecasting Branch {}", 6 - done)))
        .collect();
    assert_eq!(told, expected);
}
