use serde_json::json;

use super::{ClientName, cannot, entry::Server};
use crate::{exit::Failure, target::Target};

/// Lines for a program or a shell.
pub(super) fn of(client: ClientName, server: &Server) -> Result<String, Failure> {
    match client {
        ClientName::Adk => adk(server),
        ClientName::Langchain => langchain(server),
        ClientName::Curl => curl(server),
        _ => requests(server),
    }
}

/// JSON's strings, lists and objects of strings are Python's, too.
fn python(value: impl Into<serde_json::Value>) -> String {
    value.into().to_string()
}

fn adk(server: &Server) -> Result<String, Failure> {
    let (imports, parameters) = match &server.target {
        Target::Command(words) => (
            "from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams\n\
             from mcp import StdioServerParameters",
            format!(
                "StdioConnectionParams(\n        server_params=StdioServerParameters(command={}, \
                 args={}),\n        timeout=30,\n    )",
                python(words[0].as_str()),
                python(words[1..].to_vec())
            ),
        ),
        Target::Http(url) => (
            "from google.adk.tools.mcp_tool import McpToolset, StreamableHTTPConnectionParams",
            format!("StreamableHTTPConnectionParams({})", address(url, server)),
        ),
        Target::HttpSse(url) => (
            "from google.adk.tools.mcp_tool import McpToolset, SseConnectionParams",
            format!("SseConnectionParams({})", address(url, server)),
        ),
        target @ (Target::WebSocket(_) | Target::Lambda(_)) => {
            return Err(cannot(ClientName::Adk, target));
        }
    };
    Ok(format!(
        "from google.adk.agents import LlmAgent\n{imports}\n\ntools = McpToolset(\n    \
         connection_params={parameters},\n)\nroot_agent = LlmAgent(name=\"agent\", \
         model=\"gemini-2.5-flash\", tools=[tools])\n"
    ))
}

fn address(url: &str, server: &Server) -> String {
    let mut text = format!("url={}", python(url));
    if !server.headers.is_empty() {
        text += &format!(", headers={}", json!(server.headers));
    }
    text
}

fn langchain(server: &Server) -> Result<String, Failure> {
    let connection = match &server.target {
        Target::Command(words) => {
            json!({ "transport": "stdio", "command": words[0], "args": words[1..] })
        }
        Target::Http(url) => {
            json!({ "transport": "streamable_http", "url": url, "headers": server.headers })
        }
        Target::HttpSse(url) => {
            json!({ "transport": "sse", "url": url, "headers": server.headers })
        }
        target @ (Target::WebSocket(_) | Target::Lambda(_)) => {
            return Err(cannot(ClientName::Langchain, target));
        }
    };
    Ok(format!(
        "import asyncio\n\nfrom langchain_mcp_adapters.client import MultiServerMCPClient\n\n\n\
         async def main():\n    client = MultiServerMCPClient({{\"server\": {connection}}})\n    \
         tools = await client.get_tools()\n    print([tool.name for tool in tools])\n\n\n\
         asyncio.run(main())\n"
    ))
}

fn curl(server: &Server) -> Result<String, Failure> {
    let Target::Http(url) = &server.target else {
        return Err(cannot(ClientName::Curl, &server.target));
    };
    let mut line = format!(
        "curl -s {} -H 'Content-Type: application/json' -H 'Accept: application/json, \
         text/event-stream'",
        shell_words::quote(url)
    );
    for (name, value) in &server.headers {
        line += &format!(" -H {}", shell_words::quote(&format!("{name}: {value}")));
    }
    Ok(line + r#" -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'"#)
}

fn requests(server: &Server) -> Result<String, Failure> {
    let Target::Http(url) = &server.target else {
        return Err(cannot(ClientName::Requests, &server.target));
    };
    let mut headers = server.headers.clone();
    headers.insert("Accept".to_owned(), "application/json".to_owned());
    Ok(format!(
        "import requests\n\nresponse = requests.post(\n    {},\n    headers={},\n    \
         json={{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"tools/list\"}},\n    timeout=30,\n)\n\
         response.raise_for_status()\nfor tool in response.json()[\"result\"][\"tools\"]:\n    \
         print(tool[\"name\"])\n",
        python(url.as_str()),
        json!(headers)
    ))
}
