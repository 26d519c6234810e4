use mcp_core::ToolPack;

use crate::{
    Sales,
    tools::{SalesSummary, TopNProducts},
};

/// The tools of this crate over sales. Callers need the scope `sales:read` where there are scopes.
pub fn pack(sales: impl Into<Sales>) -> ToolPack<Sales> {
    ToolPack::new("sales", sales.into()).tool::<TopNProducts>().tool::<SalesSummary>()
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

    /// The `result` of a request to a server over [`CSV`].
    pub(crate) async fn result(method: &str, mut params: Value) -> Value {
        let store = SalesStore::from_reader("test.csv", CSV.as_bytes()).expect("sales");
        let server = Server::builder("sales", "1.0").pack(pack(store)).build();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": mcp_core::LATEST_VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1.0"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let Ok(Message::Request(request)) = Message::parse(request.to_string()) else {
            panic!("not a request: {request}")
        };
        let response = server.call(request).response().await.into_bytes();
        let mut response: Value = serde_json::from_slice(&response).expect("JSON");
        response["result"].take()
    }

    /// The text and the structured content of a call that succeeds.
    pub(crate) async fn call(tool: &str, arguments: Value) -> (String, Value) {
        let mut result = result("tools/call", json!({"name": tool, "arguments": arguments})).await;
        assert_ne!(result["isError"], json!(true), "{result}");
        (text(&result), result["structuredContent"].take())
    }

    /// The text of a call that fails in a way the model can mend.
    pub(crate) async fn error(tool: &str, arguments: Value) -> String {
        let result = result("tools/call", json!({"name": tool, "arguments": arguments})).await;
        assert_eq!(result["isError"], json!(true), "{result}");
        text(&result)
    }

    fn text(result: &Value) -> String {
        result["content"][0]["text"].as_str().expect("a text").to_owned()
    }

    /// Everything the model sees of the pack; after an intended change, copy what this test prints.
    #[tokio::test]
    async fn the_model_sees_these_tools() {
        let list = result("tools/list", json!({})).await;
        let expected: Value =
            serde_json::from_str(include_str!("../tests/tools.json")).expect("JSON");
        assert!(
            list["tools"] == expected,
            "{}",
            serde_json::to_string_pretty(&list["tools"]).expect("JSON")
        );
    }
}
