use mcp_core::{
    Call, CallResult, Output, Principal, Tool, ToolContext, ToolError, ToolResult, WithText,
    content,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{About, exports::Export, query_sales::Grouping};
use crate::Sales;

/// The last export, as a resource.
pub(crate) const LAST: &str = "sales://exports/last";

/// Writes sales to a file, CSV or Parquet, filtered and grouped as asked, and answers with a link.
///
/// Use it where there are more rows than a conversation holds, or for a spreadsheet. Group as in
/// query_sales. Revenue is written with all its digits. The file is the resource that the answer
/// links to, until the same caller exports again or the server stops; nobody else can read it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Export sales", read_only, open_world = false, task = "on_demand", scopes = ["sales:read"], timeout = "120s")]
pub struct ExportSales {
    /// What kind of file to write.
    #[serde(default)]
    pub format: ExportFormat,
    /// What to group, and how.
    #[serde(flatten)]
    pub grouping: Grouping,
    /// How many groups to write.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub limit: u32,
}

fn most() -> u32 {
    100_000
}

/// What kind of file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
// Documented variants make a `oneOf`, whose faults are harder to read than those of an `enum`.
#[allow(missing_docs)]
pub enum ExportFormat {
    #[default]
    Csv,
    Parquet,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exported {
    /// Where it can be read.
    pub uri: String,
    /// Its MIME type.
    pub mime_type: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// How many rows it has, without a header.
    pub rows: usize,
    /// How many groups there are without the limit.
    pub count: usize,
    /// The columns.
    pub columns: Vec<String>,
    /// What they are of.
    #[serde(flatten)]
    pub about: About,
}

/// What an export answers: where the file is, and a link to it.
#[derive(Debug)]
pub struct WithLink(WithText<Exported>);

impl Output for WithLink {
    fn schema() -> Option<Map<String, Value>> {
        WithText::<Exported>::schema()
    }

    fn into_call_result(self) -> Result<CallResult, ToolError> {
        let uri = self.0.value.uri.clone();
        Ok(self.0.into_call_result()?.with_content(content::link(uri, "last-export")))
    }
}

impl Call<Sales> for ExportSales {
    type Output = WithLink;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let measures = self.grouping.measures.clone();
        let (mut asking, query) = self.grouping.ask(sales, cx, self.limit as usize).await?;
        let answer = asking.ask(&query).await?;
        cx.progress(0.5, "writing").await;
        let export = Export::write(self.format, &query, &measures, &answer)?;
        asking.note_if(answer.rows.is_empty());
        let exported = Exported {
            uri: LAST.to_owned(),
            mime_type: export.mime_type.to_owned(),
            bytes: export.bytes.len(),
            rows: answer.rows.len(),
            count: answer.groups,
            columns: export.columns.clone(),
            about: asking.about,
        };
        let mut text = format!(
            "Wrote {} rows, {} bytes, to {LAST}: {}.",
            exported.rows,
            exported.bytes,
            exported.columns.join(", ")
        );
        if exported.rows < exported.count {
            text += &format!(" These are the first of {} groups.", exported.count);
        }
        let text = exported.about.text(text);
        sales.exports.keep(caller(cx), export);
        Ok(WithLink(WithText::new(exported, text)))
    }
}

/// Whose export it is; callers that nobody knows are one.
pub(crate) fn caller(cx: &ToolContext) -> Option<String> {
    cx.principal().map(|principal: &Principal| principal.subject().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{server, text_of};

    #[tokio::test]
    async fn the_last_export_is_a_resource() {
        let server = server(crate::pack::tests::CSV);
        let arguments = json!({"group_by": ["product"], "grain": "year", "product": "pens,\nblue"});
        let answer = server
            .result("tools/call", json!({"name": "export_sales", "arguments": arguments}))
            .await;
        assert_eq!(answer["structuredContent"]["rows"], 1, "{answer}");
        assert_eq!(answer["content"][1]["uri"], "sales://exports/last");
        let read = server.result("resources/read", json!({"uri": "sales://exports/last"})).await;
        assert_eq!(
            read["contents"][0]["text"],
            "period,product,revenue,units,order_lines\n2017-01-01,\"Pens,\nblue\",6.2500,12,1\n"
        );
        assert_eq!(read["contents"][0]["mimeType"], "text/csv");
    }

    #[tokio::test]
    async fn a_parquet_export_is_read_back() {
        use base64::{Engine as _, prelude::BASE64_STANDARD};

        let server = server(crate::pack::tests::CSV);
        let arguments = json!({
            "format": "parquet", "group_by": ["product", "category", "operation"], "grain": "day",
        });
        server.result("tools/call", json!({"name": "export_sales", "arguments": arguments})).await;
        let read = server.result("resources/read", json!({"uri": "sales://exports/last"})).await;
        let bytes = BASE64_STANDARD.decode(text_of(&read["contents"][0]["blob"])).expect("base64");
        let format =
            crate::SalesFormat::from_toml("[columns]\ndate = \"period\"").expect("a format");
        let store =
            crate::SalesStore::from_reader_as("export", &bytes[..], &format).expect("sales");
        let totals = store.answer(&crate::Query::default()).rows[0].totals;
        assert_eq!(
            (totals.order_lines, totals.units, totals.revenue.exact()),
            (6, 20, "72.4700".into())
        );
    }

    #[tokio::test]
    async fn before_an_export_there_is_none_to_read() {
        let error = server(crate::pack::tests::CSV)
            .response("resources/read", json!({"uri": "sales://exports/last"}))
            .await;
        assert!(
            error["error"]["message"].as_str().is_some_and(|text| text.contains("export_sales")),
            "{error}"
        );
    }
}
