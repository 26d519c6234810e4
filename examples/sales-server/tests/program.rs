//! The program on stdio and on Lambda, and what it serves on every transport, against sums that are
//! computed here from the CSV.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, process::Command};

use mcp_testing::{
    __private::block_on,
    Harness,
    lambda::{Door, at_doors},
};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sales-server");

/// The best sellers of a branch, from the file itself, in 1/10,000 of the currency.
fn expected(operation: &str, n: usize) -> Vec<(String, i64)> {
    let mut revenue: HashMap<String, i64> = HashMap::new();
    let mut lines =
        csv::Reader::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/data/sales.csv")).unwrap();
    for line in lines.deserialize::<HashMap<String, String>>() {
        let line = line.unwrap();
        if line["operation"] == operation {
            let (whole, part) = line["revenue"].split_once('.').unwrap_or((&line["revenue"], ""));
            let amount = whole.parse::<i64>().unwrap() * 10_000
                + format!("{part:0<4}").parse::<i64>().unwrap();
            *revenue.entry(line["product"].clone()).or_default() += amount;
        }
    }
    let mut ranking: Vec<_> = revenue.into_iter().collect();
    ranking.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranking.truncate(n);
    ranking
}

fn command() -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("stdio").env_remove("SALES_DATA").env("RUST_LOG", "warn");
    command
}

#[test]
fn the_best_sellers_of_dallas_are_those_of_the_file() {
    let expected = expected("Dallas", 10);
    block_on(async {
        for legacy in [false, true] {
            let connect = Harness::stdio(command());
            let mcp = if legacy { connect.legacy().await } else { connect.await };
            let outcome = mcp
                .try_call("top_n_products", json!({"n": 10, "operation": "Dallas"}))
                .await
                .unwrap();
            let answer: Value = outcome.structured();
            let products = answer["products"].as_array().unwrap();
            assert_eq!(products.len(), expected.len());
            for (found, (product, revenue)) in products.iter().zip(&expected) {
                assert_eq!(found["product"], **product);
                let cents = found["revenue"].as_f64().unwrap() * 100.0;
                assert!((cents - *revenue as f64 / 100.0).abs() <= 0.5, "{found} for {revenue}");
            }
        }
    });
}

/// Holds what a client is answered against the file.
async fn check(mcp: &Harness) {
    let arguments = json!({"n": 10, "operation": "Dallas"});
    let answer: Value = mcp.try_call("top_n_products", arguments).await.unwrap().structured();
    let expected = expected("Dallas", 10);
    let products = answer["products"].as_array().unwrap();
    let found: Vec<_> =
        products.iter().map(|product| product["product"].as_str().unwrap()).collect();
    let names: Vec<_> = expected.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, names);
    assert_eq!(answer["currency"], "USD");
    let summary: Value = mcp.try_call("sales_summary", json!({})).await.unwrap().structured();
    // Known for this data set.
    assert_eq!((&summary["revenue"], &summary["units"]), (&json!(2_297_200.86), &json!(37_873)));
    let arguments = json!({"group_by": ["category"], "grain": "year", "measures": ["order_lines"]});
    let found: Value = mcp.try_call("query_sales", arguments).await.unwrap().structured();
    let lines = found["groups"].as_array().unwrap().iter();
    assert_eq!(lines.map(|group| group["order_lines"].as_u64().unwrap()).sum::<u64>(), 9994);
    assert_eq!(found["count"], 12);
}

/// Every tool, with arguments that take most of its ways.
fn calls() -> Vec<(&'static str, Value)> {
    let year = json!({"from": "2017-01-01", "to": "2017-12-31"});
    let with = |more: Value| {
        let mut arguments = year.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    vec![
        ("top_n_products", with(json!({"n": 7, "operation": "dallas", "by": "units"}))),
        ("sales_summary", year.clone()),
        ("sales_trend", with(json!({"grain": "quarter", "by": "category"}))),
        (
            "compare_periods",
            with(json!({"than_from": "2016-01-01", "than_to": "2016-12-31", "by": "category"})),
        ),
        ("sales_by", with(json!({"dimension": "operation"}))),
        ("forecast_sales", json!({"horizon": 3, "chart": "svg"})),
        ("detect_sales_anomalies", json!({"grain": "month"})),
        ("list_operations", json!({})),
        ("describe_sales_data", json!({})),
        ("query_sales", json!({"group_by": ["operation", "category"], "limit": 20})),
        ("export_sales", json!({"format": "csv", "group_by": ["category"], "grain": "year"})),
    ]
}

/// What every tool answers, and the resources after it.
async fn answers(mcp: &Harness) -> Vec<(String, Value)> {
    let mut answers = Vec::new();
    for (tool, arguments) in calls() {
        let outcome = mcp.try_call(tool, arguments).await.unwrap();
        assert!(!outcome.is_error(), "{tool}: {}", outcome.text());
        answers.push((tool.to_owned(), outcome.structured()));
    }
    let dictionary = mcp.read_resource("sales://dictionary").await;
    answers.push(("sales://dictionary".to_owned(), json!(dictionary)));
    // The sample does not say which order a line belongs to.
    let outcome = mcp.try_call("product_affinity", json!({})).await.unwrap();
    answers.push(("product_affinity".to_owned(), json!(outcome.tool_error())));
    answers
}

fn server() -> mcp_serve::Server {
    let dollars = mcp_tools_sales::SalesFormat::default().currency("USD");
    let sample = include_bytes!("../data/sales.csv");
    let name = "the sample data";
    let store = mcp_tools_sales::SalesStore::from_reader_as(name, &sample[..], &dollars).unwrap();
    mcp_serve::Server::builder("sales", "1.0").pack(mcp_tools_sales::pack(store)).build()
}

#[mcp_testing::test(server())]
async fn answers_are_the_same_on_every_transport(mcp: Harness) {
    check(&mcp).await;
}

#[mcp_testing::test(server())]
async fn every_tool_answers_as_it_does_in_memory(mcp: Harness) {
    assert_eq!(answers(&mcp).await, answers(&Harness::in_memory(server()).await).await);
}

#[test]
fn answers_are_the_same_on_lambda() {
    at_doors(PROGRAM, &[Door::FunctionUrl, Door::Invoke], async |mcp| {
        check(&mcp).await;
        assert_eq!(answers(&mcp).await, answers(&Harness::in_memory(server()).await).await);
    });
}

#[test]
fn answers_are_the_same_on_stdio() {
    block_on(async {
        let mcp = Harness::stdio(command()).await;
        check(&mcp).await;
        assert_eq!(answers(&mcp).await, answers(&Harness::in_memory(server()).await).await);
    });
}

#[test]
fn an_unknown_branch_lists_known_ones() {
    block_on(async {
        let mcp = Harness::stdio(command()).await;
        let arguments = json!({"n": 5, "operation": "Atlantis"});
        let error = mcp.try_call("top_n_products", arguments).await.unwrap().tool_error();
        assert!(error.contains("Dallas"), "{error}");
    });
}

#[test]
fn bad_data_keeps_the_server_from_starting() {
    let path = std::env::temp_dir().join(format!("sales-server-{}.csv", std::process::id()));
    std::fs::write(
        &path,
        "date,product,category,operation,units,revenue\n2017-01-01,Lamp,Furniture,Dallas,1,x\n",
    )
    .unwrap();
    let output = command().env("SALES_DATA", &path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("line 2, column 6 (revenue)"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[cfg(feature = "s3")]
mod s3 {
    use aws_config::{BehaviorVersion, SdkConfig};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use mcp_aws::{Client, Request, service, with_defaults};
    use mcp_testing::{Moto, MotoAccount, lambda::Emulator};

    use super::*;

    /// A bucket in an account of moto's, whose key and secret are not its own alone.
    struct Bucket {
        account: MotoAccount,
        client: Client,
        name: String,
    }

    impl Bucket {
        async fn new(name: &str) -> Self {
            let account = Moto::shared().account().await;
            let credentials = Credentials::new(
                &account.access_key_id,
                &account.secret_access_key,
                Some(account.session_token.clone()),
                None,
                "test",
            );
            let config = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .endpoint_url(Moto::shared().url())
                .credentials_provider(SharedCredentialsProvider::new(credentials));
            let client = Client::new(&with_defaults(&config.build()));
            let name = format!("{name}-{}", std::process::id());
            let create = Request::rest(&service::S3, "CreateBucket", "PUT", "/").bucket(&*name);
            client.send(create).await.unwrap();
            Self { account, client, name }
        }

        /// Puts the sample there, of which the program has no copy for this.
        async fn fill(&self) {
            let sample = include_bytes!("../data/sales.csv");
            for (key, body) in [
                ("exports/sales.toml", &b"currency = \"USD\"\n"[..]),
                ("exports/2014-2017.csv", sample),
            ] {
                let put = Request::rest(&service::S3, "PutObject", "PUT", "/");
                let put = put.bucket(&*self.name).key(key).body(body.to_vec());
                self.client.send(put).await.unwrap();
            }
        }

        /// What tells a program where the data is, and who it is.
        fn environment(&self) -> [(&'static str, String); 6] {
            let MotoAccount { access_key_id, secret_access_key, session_token, .. } = &self.account;
            [
                ("SALES_DATA", format!("s3://{}/exports/", self.name)),
                ("AWS_ENDPOINT_URL", Moto::shared().url().to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", access_key_id.clone()),
                ("AWS_SECRET_ACCESS_KEY", secret_access_key.clone()),
                ("AWS_SESSION_TOKEN", session_token.clone()),
            ]
        }
    }

    #[test]
    fn data_in_s3_is_loaded_before_the_program_serves() {
        block_on(async {
            let bucket = Bucket::new("loaded").await;
            let start = || {
                let mut command = command();
                command.envs(bucket.environment());
                command
            };
            let output = tokio::task::spawn_blocking({
                let mut command = start();
                move || command.output().unwrap()
            });
            let output = output.await.unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            assert!(stderr.contains(&format!("s3://{}/exports/", bucket.name)), "{stderr}");
            bucket.fill().await;
            check(&Harness::stdio(start()).await).await;
        });
    }

    #[test]
    fn on_lambda_the_first_question_loads_data_in_s3() {
        block_on(async {
            let bucket = Bucket::new("lazy").await;
            let function = bucket
                .environment()
                .iter()
                .fold(Emulator::new(PROGRAM), |function, (name, value)| function.env(name, value));
            let mcp = Harness::behind(Door::FunctionUrl, function).await;
            // Nothing is there yet, and nothing has been looked for.
            assert!(!mcp.list_tools().await.is_empty());
            bucket.fill().await;
            check(&mcp).await;
        });
    }
}
