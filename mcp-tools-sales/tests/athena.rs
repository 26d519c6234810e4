//! Athena as the engine, over a socket: ministack's, which answers with DuckDB over its own S3 and
//! Glue, beside the engine in memory over the same data; and moto's and a server's of our own for what
//! goes wrong.
//!
//! The first is skipped unless `MCP_TEST_MINISTACK_PYTHON` names a Python that has `ministack[full]`.
//! Ministack's SQL is DuckDB's: that it is Trino's as well is checked with the parser of `sqlglot`,
//! unless `MCP_TEST_SQL_PYTHON` names no Python that has it.

#![cfg(feature = "athena")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../mcp-aws/tests/support/mod.rs"]
mod support;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_credential_types::Credentials;
use mcp_aws::{Client, Protocol, Request, Service, service};
use mcp_tools_sales::{
    AffinityQuery, AthenaSales, Dimension, Filter, Grain, Measure, Order, Query, QueryErrorKind,
    SalesEngine, SalesStore,
};
use serde_json::json;

use crate::support::{Recording, answer, config};

const PYTHON: &str = "MCP_TEST_MINISTACK_PYTHON";

/// Ends with its standard input. Ministack does not know `ExecutionParameters`: what Athena puts in
/// place of question marks is put there before it looks.
const PROGRAM: &str = r#"
import os, socket, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
os.environ["GATEWAY_PORT"] = port = free()
os.environ["BIND_HOST"] = "127.0.0.1"
os.environ["IOT_MTLS_ENABLED"] = os.environ["SFTP_ENABLED"] = "0"
import ministack.services.athena as athena
start = athena._start_query_execution
def bound(data):
    pieces = data["QueryString"].split("?")
    values = data.get("ExecutionParameters") or []
    assert len(pieces) == len(values) + 1, "parameters"
    text = pieces[0] + "".join(v + p for v, p in zip(values, pieces[1:]))
    return start({**data, "QueryString": text})
athena._start_query_execution = bound
print(port, flush=True)
sys.argv = ["ministack"]
from ministack.app import main
main()
"#;

struct Ministack {
    _server: Child,
    client: Client,
}

impl Ministack {
    /// None, and a word about it, where there is no ministack.
    async fn start() -> Option<Self> {
        let Some(python) = std::env::var_os(PYTHON) else {
            eprintln!("skipped: {PYTHON} names no Python with ministack[full]");
            return None;
        };
        let mut server = Command::new(python)
            .args(["-c", PROGRAM])
            .env_remove("AWS_ENDPOINT_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        // A full pipe would stop the server.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let url = format!("http://127.0.0.1:{port}");
        let client =
            Client::new(&config(&url, Credentials::new("test", "test", None, None, "test")));
        loop {
            let list = Request::rest(&service::S3, "ListBuckets", "GET", "/");
            if client.send(list).await.is_ok() {
                return Some(Self { _server: server, client });
            }
            assert!(server.try_wait().unwrap().is_none(), "ministack has ended");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// A table over a CSV file without a header.
    async fn table(&self, csv: &str, columns: &[(&str, &str)]) {
        for bucket in ["sales", "results"] {
            let create = Request::rest(&service::S3, "CreateBucket", "PUT", "/").bucket(bucket);
            self.client.send(create).await.unwrap();
        }
        let put = Request::rest(&service::S3, "PutObject", "PUT", "/").bucket("sales");
        self.client.send(put.key("data/all.csv").body(csv.to_owned())).await.unwrap();
        let glue = Service::new("Glue", "GLUE", "glue", Protocol::Json11 { target: "AWSGlue" });
        let database = json!({"Name": "shop"});
        let create = Request::new(&glue, "CreateDatabase").with("DatabaseInput", database);
        self.client.send(create).await.unwrap();
        let columns: Vec<_> =
            columns.iter().map(|(name, kind)| json!({"Name": name, "Type": kind})).collect();
        let table = json!({
            "Name": "sales",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "csv", "skip.header.line.count": "1"},
            "StorageDescriptor": {
                "Columns": columns,
                "Location": "s3://sales/data/",
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {
                    "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
                    "Parameters": {"separatorChar": ",", "quoteChar": "\""},
                },
            },
        });
        let create = Request::new(&glue, "CreateTable").with("DatabaseName", "shop");
        self.client.send(create.with("TableInput", table)).await.unwrap();
    }
}

/// The sample, with an order for every three lines and a currency.
fn data() -> String {
    let sample = include_str!("../../examples/sales-server/data/sales.csv");
    let mut reader = csv::Reader::from_reader(sample.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record([
            "date",
            "product",
            "category",
            "operation",
            "units",
            "revenue",
            "order",
            "currency",
        ])
        .unwrap();
    for (number, record) in reader.records().take(3000).enumerate() {
        let record = record.unwrap();
        let order = (number / 3).to_string();
        let currency = if number % 4 == 0 { "EUR" } else { "USD" };
        let fields = (0..6).map(|field| &record[field]).chain([&*order, currency]);
        writer.write_record(fields).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// Questions of every form.
fn questions() -> Vec<Query> {
    let filters = [
        Filter::default(),
        Filter { operation: Some("Houston".into()), ..Filter::default() },
        Filter {
            category: Some("Technology".into()),
            currency: Some("EUR".into()),
            from: Some("2014-03-01".parse().unwrap()),
            to: Some("2015-01-31".parse().unwrap()),
            ..Filter::default()
        },
        Filter { product: Some("No such '; product --".into()), ..Filter::default() },
        Filter { from: Some("2030-01-01".parse().unwrap()), ..Filter::default() },
    ];
    let mut questions = Vec::new();
    for filter in filters {
        let query = || Query::new(filter.clone());
        questions.push(query());
        for grain in Grain::ALL {
            questions.push(query().grain(grain));
        }
        for dimension in Dimension::ALL {
            questions.push(query().by(dimension));
            for measure in Measure::ALL {
                questions.push(query().by(dimension).order(Order::Largest(measure)).limit(7));
                questions.push(query().by(dimension).order(Order::Smallest(measure)).limit(3));
            }
        }
        let both = query().by(Dimension::Operation).by(Dimension::Product).grain(Grain::Quarter);
        questions.push(both.clone());
        questions.push(both.order(Order::Largest(Measure::Units)).limit(40));
    }
    questions
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_give_the_same_answers() {
    let Some(ministack) = Ministack::start().await else { return };
    let csv = data();
    let decimal = "decimal(18,4)";
    ministack
        .table(
            &csv,
            &[
                ("date", "date"),
                ("product", "string"),
                ("category", "string"),
                ("operation", "string"),
                ("units", "int"),
                ("revenue", decimal),
                ("order", "string"),
                ("currency", "string"),
            ],
        )
        .await;
    let memory = SalesStore::from_reader("sales.csv", csv.as_bytes()).unwrap();
    let athena = AthenaSales::new("shop", "sales", ministack.client.config())
        .column("currency", "currency")
        .column("order", "order")
        .output("s3://results/");

    let (ours, theirs) = (memory.describe().await.unwrap(), athena.describe().await.unwrap());
    assert_eq!(
        (ours.order_lines, ours.first, ours.last, ours.has_orders),
        (theirs.order_lines, theirs.first, theirs.last, theirs.has_orders)
    );
    for dimension in Dimension::ALL {
        let names = |names: &mcp_tools_sales::Names| {
            let names = names.iter().map(|(name, lines)| (name.to_string(), lines));
            names.collect::<std::collections::BTreeMap<_, _>>()
        };
        let theirs = athena.names(dimension).await.unwrap();
        assert_eq!(names(memory.names(dimension)), names(&theirs), "{dimension}");
    }
    for query in questions() {
        let theirs = athena.answer(&query).await.unwrap();
        let ours = memory.answer(&query);
        assert_eq!(theirs.rows, ours.rows, "{query:?}");
        assert!(ours.rows.is_empty() || theirs.groups == ours.groups, "{query:?}");
        assert!(theirs.cost.is_some_and(|cost| cost.usd > 0.0));
    }
    for product in [None, Some("Staples".to_owned()), Some("None'such".to_owned())] {
        let filter = Filter { product, ..Filter::default() };
        let query = AffinityQuery { filter, limit: 25 };
        let (mut theirs, ours) =
            (athena.affinity(&query).await.unwrap(), memory.affinity(&query).await.unwrap());
        theirs.cost = None;
        if ours.pairs.is_empty() {
            assert!(theirs.pairs.is_empty());
        } else {
            assert_eq!(theirs, ours, "{query:?}");
        }
    }
}

/// Reads statements as Trino's: each has to be one query of functions that are known, with the
/// question marks that its text has, and the same once written out again.
const TRINO: &str = r#"
import json, sys
import sqlglot
from sqlglot import exp
def read(text):
    [query] = sqlglot.parse(text, read="trino", error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(query, exp.Query), text
    unknown = list(query.find_all(exp.Anonymous, exp.Command))
    assert not unknown, f"{unknown} in {text}"
    assert len(list(query.find_all(exp.Placeholder))) == text.count("?"), text
    return query
for bad in ["SELECT FROM WHERE", "SELECT STRFTIME(a, '%Y') FROM t", "SELECT 1; SELECT 2"]:
    try:
        read(bad)
    except (sqlglot.ParseError, AssertionError, ValueError):
        continue
    sys.exit(f"read: {bad}")
statements = json.load(sys.stdin)
for text in statements:
    query = read(text)
    assert read(query.sql(dialect="trino")) == query, text
print(len(statements))
"#;

#[tokio::test]
async fn every_statement_is_one_that_trino_reads() {
    const PYTHON: &str = "MCP_TEST_SQL_PYTHON";
    let Some(python) = std::env::var_os(PYTHON) else {
        return eprintln!("skipped: {PYTHON} names no Python with sqlglot");
    };
    let server = Recording::start(|number| match number % 3 {
        0 => answer(200, STARTED),
        1 => answer(200, &state("SUCCEEDED", 1)),
        _ => answer(200, &rows(&[&["order_lines"]], None)),
    })
    .await;
    let athena = sales(&server).column("currency", "currency").column("order", "order");
    let asked = questions();
    for query in &asked {
        assert!(athena.answer(query).await.unwrap().rows.is_empty());
    }
    for product in [None, Some("Staples".to_owned())] {
        let filter = Filter { product, ..Filter::default() };
        athena.affinity(&AffinityQuery { filter, limit: 5 }).await.unwrap();
    }
    let statements: Vec<serde_json::Value> = server
        .asked()
        .iter()
        .filter_map(|request| {
            let body: serde_json::Value = serde_json::from_slice(request.body()).ok()?;
            body.get("QueryString").cloned()
        })
        .collect();
    assert_eq!(statements.len(), asked.len() + 2);
    let mut child = Command::new(python)
        .args(["-c", TRINO])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(json!(statements).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), statements.len().to_string());
}

fn sales(server: &Recording) -> AthenaSales {
    AthenaSales::new("shop", "sales", server.client().config()).work_group("analysts")
}

const STARTED: &str = r#"{"QueryExecutionId": "q-1"}"#;

fn state(state: &str, bytes: u64) -> String {
    json!({"QueryExecution": {
        "Status": {"State": state, "StateChangeReason": "TABLE_NOT_FOUND: secret_table"},
        "Statistics": {"DataScannedInBytes": bytes},
    }})
    .to_string()
}

fn rows(rows: &[&[&str]], token: Option<&str>) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let data: Vec<_> = row.iter().map(|value| json!({"VarCharValue": value})).collect();
            json!({"Data": data})
        })
        .collect();
    json!({"ResultSet": {"Rows": rows}, "NextToken": token}).to_string()
}

fn operations(server: &Recording) -> Vec<String> {
    let target = |request: &hyper::Request<_>| {
        let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
        target.rsplit('.').next().unwrap().to_owned()
    };
    server.asked().iter().map(target).collect()
}

#[tokio::test]
async fn a_query_is_awaited_and_all_its_pages_are_read() {
    let server = Recording::start(|number| match number {
        0 => answer(200, STARTED),
        1 => answer(200, &state("QUEUED", 0)),
        2 => answer(200, &state("RUNNING", 1)),
        3 => answer(200, &state("SUCCEEDED", 2_000_000_000_000)),
        4 => answer(
            200,
            &rows(
                &[
                    &["name0", "order_lines", "units", "revenue", "groups"],
                    &["Lamp", "2", "3", "399800", "2"],
                ],
                Some("more"),
            ),
        ),
        _ => answer(200, &rows(&[&["Desk", "1", "1", "-5", "2"]], None)),
    })
    .await;
    let found = sales(&server).answer(&Query::default().by(Dimension::Product)).await.unwrap();
    let names: Vec<_> = found.rows.iter().map(|row| &*row.names[0]).collect();
    assert_eq!((names, found.groups), (vec!["Lamp", "Desk"], 2));
    assert_eq!(found.rows[0].totals.revenue.to_string(), "39.98");
    let cost = found.cost.unwrap();
    assert_eq!((cost.bytes_scanned, cost.usd), (2_000_000_000_000, 10.0));
    let asked = server.asked();
    let start: serde_json::Value = serde_json::from_slice(asked[0].body()).unwrap();
    assert_eq!(start["WorkGroup"], "analysts");
    assert_eq!(start["QueryExecutionContext"]["Database"], "shop");
}

#[tokio::test]
async fn a_caller_that_goes_has_its_query_stopped() {
    let server = Recording::start(|number| match number {
        0 => answer(200, STARTED),
        _ => answer(200, &state("RUNNING", 1)),
    })
    .await;
    let athena = sales(&server);
    let query = Query::default();
    tokio::select! {
        answer = athena.answer(&query) => panic!("{answer:?}"),
        () = async { while operations(&server).len() < 2 { tokio::time::sleep(Duration::from_millis(5)).await } } => {}
    }
    while !operations(&server).contains(&"StopQueryExecution".to_owned()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_before_its_query_has_begun_has_it_stopped() {
    let gone = Arc::new(AtomicBool::new(false));
    let caller = Arc::clone(&gone);
    // Answers the start only once the caller is gone.
    let server = Recording::start(move |number| {
        if number == 0 {
            while !caller.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            return answer(200, STARTED);
        }
        answer(200, "{}")
    })
    .await;
    let athena = sales(&server);
    let asking = tokio::spawn(async move { athena.answer(&Query::default()).await });
    while operations(&server).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    gone.store(true, Ordering::Relaxed);
    while !operations(&server).contains(&"StopQueryExecution".to_owned()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_query_that_reads_too_much_is_stopped() {
    let server = Recording::start(|number| match number {
        0 => answer(200, STARTED),
        _ => answer(200, &state("RUNNING", 11_000_000)),
    })
    .await;
    let athena = sales(&server).bytes_limit(10_000_000);
    let error = athena.answer(&Query::default()).await.unwrap_err();
    assert_eq!(error.kind(), QueryErrorKind::TooExpensive);
    assert!(error.to_string().contains("10000000 bytes"), "{error}");
    while !operations(&server).contains(&"StopQueryExecution".to_owned()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn why_a_query_failed_is_for_the_operator() {
    let server = Recording::start(|number| match number {
        0 => answer(200, STARTED),
        _ => answer(200, &state("FAILED", 0)),
    })
    .await;
    let error = sales(&server).answer(&Query::default()).await.unwrap_err();
    assert_eq!(error.kind(), QueryErrorKind::Unavailable);
    assert!(!error.to_string().contains("secret_table"), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("FAILED: TABLE_NOT_FOUND: secret_table"), "{source}");
}

#[tokio::test]
async fn without_permission_the_action_that_lacks_is_told() {
    let server = Recording::start(|_| {
        answer(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#)
    })
    .await;
    let error = sales(&server).answer(&Query::default()).await.unwrap_err();
    assert!(error.to_string().contains("athena:StartQueryExecution"), "{error}");
}

#[tokio::test]
async fn moto_speaks_the_same_protocol() {
    let client = support::at_moto().await;
    let athena = AthenaSales::new("shop", "sales", client.config()).output("s3://results/");
    // Moto has no rows for it: an answer without a group, and a table without sales.
    let found = athena.answer(&Query::default()).await.unwrap();
    assert_eq!((found.rows.len(), found.groups), (0, 0));
    assert_eq!(athena.describe().await.unwrap_err().kind(), QueryErrorKind::Unavailable);
}
