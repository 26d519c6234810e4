use bytes::Bytes;
use serde_json::{Value, json};

/// What invokes a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A Function URL.
    FunctionUrl,
    /// An HTTP API, payload format 2.0.
    HttpApi,
    /// A REST API.
    RestApi,
    /// An Application Load Balancer.
    LoadBalancer,
    /// The Invoke API, with a JSON-RPC message.
    Direct,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::FunctionUrl, Self::HttpApi, Self::RestApi, Self::LoadBalancer, Self::Direct];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FunctionUrl => "Function URL",
            Self::HttpApi => "HTTP API",
            Self::RestApi => "REST API",
            Self::LoadBalancer => "load balancer",
            Self::Direct => "direct",
        }
    }

    /// The event that a client's call of `tool` comes in.
    pub fn call(self, tool: &str, arguments: &Value) -> Bytes {
        let message = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": { "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" } },
        });
        let event = match self {
            Self::FunctionUrl => http(&message, "abcdefghij.lambda-url.us-east-1.on.aws"),
            Self::HttpApi => http(&message, "abcdefghij.execute-api.us-east-1.amazonaws.com"),
            Self::RestApi => rest(&message),
            Self::LoadBalancer => load_balancer(&message),
            Self::Direct => message,
        };
        event.to_string().into()
    }
}

fn headers(host: &str) -> Value {
    json!({
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "host": host,
        "user-agent": "bench",
        "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    })
}

fn http(message: &Value, host: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": headers(host),
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghij",
            "domainName": host,
            "domainPrefix": "abcdefghij",
            "http": {
                "method": "POST",
                "path": "/mcp",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "bench",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_u64,
        },
        "body": message.to_string(),
        "isBase64Encoded": false,
    })
}

fn rest(message: &Value) -> Value {
    let host = "abcdefghij.execute-api.us-east-1.amazonaws.com";
    let headers = headers(host);
    let each_as_list = |(name, value): (&String, &Value)| (name.clone(), json!([value]));
    let lists: Value = headers.as_object().into_iter().flatten().map(each_as_list).collect();
    json!({
        "resource": "/{proxy+}",
        "path": "/mcp",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": lists,
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": { "proxy": "mcp" },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "domainName": host,
            "httpMethod": "POST",
            "identity": { "sourceIp": "203.0.113.7", "userAgent": "bench" },
            "path": "/prod/mcp",
            "protocol": "HTTP/1.1",
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "requestTimeEpoch": 1_773_342_238_000_u64,
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": message.to_string(),
        "isBase64Encoded": false,
    })
}

fn load_balancer(message: &Value) -> Value {
    let group =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/mcp/abcdef0123456789";
    json!({
        "requestContext": { "elb": { "targetGroupArn": group } },
        "httpMethod": "POST",
        "path": "/mcp",
        "queryStringParameters": {},
        "headers": headers("mcp.example.com"),
        "body": message.to_string(),
        "isBase64Encoded": false,
    })
}
