use mcp_core::{Contents, Resource, ToolError, ToolErrorKind, ToolPack};

use crate::{
    Sales,
    prompts::{MonthlyReview, StockPlan},
    tools::{
        ComparePeriods, DataDescription, DescribeSalesData, DetectSalesAnomalies, ExportSales,
        ForecastSales, LAST, ListOperations, ProductAffinity, QuerySales, SalesBy, SalesSummary,
        SalesTrend, TopNProducts, app, caller, tell_model,
    },
};

/// The tools, prompts and resources of this crate over sales. Callers need the scope `sales:read`
/// where there are scopes.
pub fn pack(sales: impl Into<Sales>) -> ToolPack<Sales> {
    let dictionary = Resource::new("sales://dictionary", "data-dictionary")
        .title("Data dictionary")
        .description("What the sales data holds: columns, period, currencies, size.")
        .mime_type("text/markdown");
    let export = Resource::new(LAST, "last-export")
        .title("Last export")
        .description("The file that export_sales wrote last for the same caller: CSV or Parquet.");
    ToolPack::new("sales", sales.into())
        .tool::<TopNProducts>()
        .tool::<SalesSummary>()
        .tool::<SalesTrend>()
        .tool::<ComparePeriods>()
        .tool::<SalesBy>()
        .tool::<ForecastSales>()
        .tool::<DetectSalesAnomalies>()
        .tool::<ProductAffinity>()
        .tool::<ListOperations>()
        .tool::<DescribeSalesData>()
        .tool::<QuerySales>()
        .tool::<ExportSales>()
        .app(app())
        .prompt::<MonthlyReview>()
        .prompt::<StockPlan>()
        .resource_fn(dictionary, |sales, _cx| async move {
            Ok(DataDescription::of(&sales).await.map_err(tell_model)?.text())
        })
        .resource_fn(export, |sales, cx| async move {
            let export = sales.exports.last(&caller(&cx)).ok_or_else(|| {
                let message = "Nothing is exported yet: export_sales does.";
                ToolError::new(ToolErrorKind::NotFound, message)
            })?;
            let contents = match (export.mime_type, String::from_utf8(export.bytes.clone())) {
                ("text/csv", Ok(text)) => Contents::text(text),
                (_, _) => Contents::blob(export.bytes.clone()),
            };
            Ok(contents.mime_type(export.mime_type))
        })
}

/// What the model gets, as the tools' own tests see it.
#[cfg(test)]
pub(crate) mod tests {
    use mcp_core::{Message, Server};
    use serde_json::{Value, json};

    use super::*;
    use crate::SalesStore;

    pub(crate) const CSV: &str = "\
date,product,category,operation,units,revenue
2016-12-31,Lamp,Furniture,Dallas,1,19.99
2017-01-01,Lamp,Furniture,Austin,2,39.98
2017-01-01,Phone,Technology,Dallas,1,249.005
2017-02-03,\"Pens,
blue\",Office Supplies,Dallas,12,6.25
2017-02-04,Binder,Office Supplies,Dallas,5,6.25
2017-03-01,Phone,Technology,Dallas,-1,-249.005
";

    /// A server over data.
    pub(crate) struct Served(Server);

    pub(crate) fn server(csv: &str) -> Served {
        let store = SalesStore::from_reader("test.csv", csv.as_bytes()).expect("sales");
        Served(Server::builder("sales", "1.0").pack(pack(store)).build())
    }

    impl Served {
        /// The response to a request.
        pub(crate) async fn response(&self, method: &str, mut params: Value) -> Value {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": mcp_core::LATEST_VERSION,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1.0"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            let Ok(Message::Request(request)) = Message::parse(request.to_string()) else {
                panic!("not a request: {request}")
            };
            let response = self.0.call(request).response().await.into_bytes();
            serde_json::from_slice(&response).expect("JSON")
        }

        /// The `result` of a request.
        pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
            self.response(method, params).await["result"].take()
        }
    }

    /// The text and the structured content of a call that succeeds, over [`CSV`].
    pub(crate) async fn call(tool: &str, arguments: Value) -> (String, Value) {
        call_on(CSV, tool, arguments).await
    }

    pub(crate) async fn call_on(csv: &str, tool: &str, arguments: Value) -> (String, Value) {
        let params = json!({"name": tool, "arguments": arguments});
        let mut result = server(csv).result("tools/call", params).await;
        assert_ne!(result["isError"], json!(true), "{result}");
        (text_of(&result["content"][0]["text"]), result["structuredContent"].take())
    }

    /// The text of a call that fails in a way the model can mend, over [`CSV`].
    pub(crate) async fn error(tool: &str, arguments: Value) -> String {
        error_on(CSV, tool, arguments).await
    }

    pub(crate) async fn error_on(csv: &str, tool: &str, arguments: Value) -> String {
        let params = json!({"name": tool, "arguments": arguments});
        let result = server(csv).result("tools/call", params).await;
        assert_eq!(result["isError"], json!(true), "{result}");
        text_of(&result["content"][0]["text"])
    }

    pub(crate) fn text_of(value: &Value) -> String {
        value.as_str().expect("a text").to_owned()
    }

    #[tokio::test]
    async fn the_data_dictionary_is_a_resource() {
        let read = server(CSV).result("resources/read", json!({"uri": "sales://dictionary"})).await;
        let text = text_of(&read["contents"][0]["text"]);
        assert!(text.contains("| operation | text | operation |"), "{text}");
    }

    #[tokio::test]
    async fn prompts_name_tools_that_there_are() {
        let server = server(CSV);
        for (prompt, arguments) in [
            ("monthly_review", json!({"month": "2017-01", "operation": "Dallas"})),
            ("stock_plan", json!({"weeks": "4"})),
        ] {
            let params = json!({"name": prompt, "arguments": arguments});
            let result = server.result("prompts/get", params).await;
            let text = text_of(&result["messages"][0]["content"]["text"]);
            assert!(text.contains("describe_sales_data"), "{text}");
        }
        let params = json!({
            "ref": {"type": "ref/prompt", "name": "monthly_review"},
            "argument": {"name": "operation", "value": "da"},
        });
        let completed = server.result("completion/complete", params).await;
        assert_eq!(completed["completion"]["values"], json!(["Dallas"]));
    }

    #[tokio::test]
    async fn every_answer_says_how_many_lines_were_set_aside() {
        let format =
            crate::SalesFormat::from_toml("on_bad_rows = \"report\"\n[columns]\norder = \"order\"");
        let mut csv = "date,product,category,operation,order,units,revenue\n".to_owned();
        for day in 1..=28 {
            csv += &format!("2017-01-{day:02},Lamp,Home,Dallas,{day},{},10\n", day % 7 + 1);
            csv += &format!("2017-01-{day:02},Shade,Home,Dallas,{day},1,5\n");
        }
        csv += "2017-01-29,Lamp,Home,Dallas,29,one,10\n";
        let format = format.expect("a format");
        let store = SalesStore::from_reader_as("report.csv", csv.as_bytes(), &format);
        let server = Server::builder("sales", "1.0").pack(pack(store.expect("sales"))).build();
        let server = Served(server);
        let calls = [
            ("top_n_products", json!({"n": 1})),
            ("sales_summary", json!({})),
            ("sales_trend", json!({"grain": "week"})),
            ("compare_periods", json!({"from": "2017-01-08", "to": "2017-01-14"})),
            ("sales_by", json!({"dimension": "product"})),
            ("forecast_sales", json!({"horizon": 2, "grain": "day"})),
            ("detect_sales_anomalies", json!({"grain": "day"})),
            ("product_affinity", json!({})),
            ("list_operations", json!({})),
            ("describe_sales_data", json!({})),
            ("query_sales", json!({})),
            ("export_sales", json!({"group_by": ["product"]})),
        ];
        let list = server.result("tools/list", json!({})).await;
        assert_eq!(list["tools"].as_array().map(Vec::len), Some(calls.len()));
        for (name, arguments) in calls {
            let params = json!({"name": name, "arguments": arguments});
            let result = server.result("tools/call", params).await;
            assert_eq!(result["structuredContent"]["lines_set_aside"], 1, "{name}: {result}");
            let text = text_of(&result["content"][0]["text"]);
            assert!(text.contains("1 lines ") && text.contains("could not be read"), "{text}");
        }
    }

    /// Everything the model sees of the pack; after an intended change, copy what this test prints.
    #[tokio::test]
    async fn the_model_sees_these_tools() {
        let list = server(CSV).result("tools/list", json!({})).await;
        let expected: Value =
            serde_json::from_str(include_str!("../tests/tools.json")).expect("JSON");
        assert!(
            list["tools"] == expected,
            "{}",
            serde_json::to_string_pretty(&list["tools"]).expect("JSON")
        );
    }
}
