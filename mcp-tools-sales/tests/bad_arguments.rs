//! What models get wrong, on every transport: each is an answer that says what would be right.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mcp_core::Server;
use mcp_testing::Harness;
use mcp_tools_sales::{SalesFormat, SalesStore};
use serde_json::json;

const CSV: &str = "\
date,product,category,operation,currency,order,units,revenue
2016-12-31,Lamp,Furniture,Dallas,USD,1,1,19.99
2017-01-01,Lampshade,Furniture,Austin,USD,2,2,39.98
2017-01-01,Phone,Technology,Dallas,EUR,2,1,249.005
2017-03-01,Phone,Technology,Dallas,EUR,3,-1,-249.005
";

fn server() -> Server {
    let format = SalesFormat::from_toml("[columns]\ncurrency = \"currency\"\norder = \"order\"");
    let store = SalesStore::from_reader_as("sales.csv", CSV.as_bytes(), &format.unwrap()).unwrap();
    Server::builder("sales", "1.0").pack(mcp_tools_sales::pack(store)).build()
}

#[mcp_testing::test(server())]
async fn each_mistake_is_told_with_what_would_be_right(mcp: Harness) {
    let reversed = json!({"from": "2017-03-01", "to": "2016-12-31", "currency": "USD"});
    let of = |arguments: &serde_json::Value, more: serde_json::Value| {
        let mut arguments = arguments.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let dollars = json!({"currency": "USD"});
    for (tool, arguments, says) in [
        ("top_n_products", of(&dollars, json!({"n": 0})), &["n", "1"][..]),
        ("top_n_products", of(&dollars, json!({"n": 1_000_000_000})), &["n", "1000"]),
        ("top_n_products", of(&dollars, json!({"n": -1})), &["n"]),
        ("top_n_products", json!({"n": 3}), &["USD (2 order lines)", "EUR (2", "`currency`"]),
        ("top_n_products", of(&reversed, json!({"n": 3})), &["2017-03-01 is after to 2016-12-31"]),
        ("top_n_products", of(&dollars, json!({"n": 3, "from": "31.12.2016"})), &["from"]),
        ("top_n_products", of(&dollars, json!({"n": 3, "operation": "Dalas"})), &["Dallas"]),
        ("sales_summary", reversed.clone(), &["2017-03-01 is after to 2016-12-31"]),
        ("sales_trend", of(&reversed, json!({"grain": "month"})), &["is after"]),
        ("sales_trend", of(&dollars, json!({"grain": "decade"})), &["grain"]),
        (
            "sales_trend",
            of(&dollars, json!({"grain": "month", "product": "lamps"})),
            &["no product", "Lampshade"],
        ),
        ("sales_by", of(&dollars, json!({"dimension": "colour"})), &["dimension"]),
        ("compare_periods", of(&reversed, json!({})), &["is after"]),
        ("forecast_sales", of(&dollars, json!({"horizon": 0})), &["horizon"]),
        ("forecast_sales", of(&dollars, json!({"horizon": 1_000_000_000})), &["horizon", "1000"]),
        (
            "forecast_sales",
            json!({"horizon": 90, "grain": "day", "currency": "USD"}),
            &["from 1 to", "not 90"],
        ),
        ("forecast_sales", of(&reversed, json!({"horizon": 3})), &["is after"]),
        ("detect_sales_anomalies", of(&reversed, json!({})), &["is after"]),
        ("product_affinity", of(&dollars, json!({"product": "Lampp"})), &["Lamp"]),
        ("query_sales", of(&dollars, json!({"limit": 0})), &["limit"]),
        ("query_sales", of(&dollars, json!({"group_by": ["planet"]})), &["group_by"]),
        ("export_sales", of(&dollars, json!({"format": "xlsx"})), &["format"]),
    ] {
        let outcome = mcp.try_call(tool, arguments.clone()).await.unwrap();
        let error = outcome.tool_error();
        for part in says {
            assert!(error.contains(part), "{tool} {arguments}: {error}");
        }
    }
}
