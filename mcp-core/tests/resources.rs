//! Resources and their templates, as bindings send requests for them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    BuildError, CacheScope, Completing, Contents, ErrorKind, ReadResource, Request, Resource,
    ResourceTemplate, Server, ServerBuilder, ToolContext, ToolError, ToolErrorKind, ToolPack,
    ToolResult, tool,
};
use serde_json::{Value, json};
use tower::util::MapRequestLayer;

use crate::support::{Answer, assert_is, legacy, modern, send};

/// The data with a number.
#[derive(ResourceTemplate)]
#[resource(
    uri = "test://template/{id}/data",
    title = "Data",
    mime_type = "application/json",
    audience = ["user"],
    priority = 0.5,
    icons = ["https://example.com/data.png"]
)]
struct TemplateData {
    #[resource(complete)]
    id: u32,
}

impl<S: Sync> ReadResource<S> for TemplateData {
    async fn read(self, _: &S, _: &ToolContext) -> ToolResult<Contents> {
        match self.id {
            0 => Err(ToolError::new(ToolErrorKind::NotFound, "zero is no data")),
            1 => Err(std::io::Error::other("password=hunter2"))?,
            2 => panic!("secret"),
            3 => std::future::pending().await,
            4 => Err(ToolError::new(ToolErrorKind::PermissionDenied, "four is secret")),
            5 => Contents::json(&json!({ "id": 5 }))
                .map(|json| json.cache(Duration::from_millis(7), CacheScope::Public)),
            id => Ok(Contents::text(format!("{{\"id\":{id}}}"))),
        }
    }

    async fn complete(completing: &Completing, _: &S, _: &ToolContext) -> ToolResult<Vec<String>> {
        Ok(completing.among((0..150).map(|id| id.to_string())))
    }
}

/// A file of a project.
#[derive(ResourceTemplate)]
#[resource(uri = "file:///{project}/{name}.md", name = "file", timeout = "5s")]
struct File {
    #[resource(values = ["alpha", "beta"])]
    project: String,
    #[resource(name = "name")]
    file: String,
}

impl<S: Sync> ReadResource<S> for File {
    async fn read(self, _: &S, cx: &ToolContext) -> ToolResult<Contents> {
        cx.progress(0.5, "reading").await;
        Ok(Contents::text(format!("{}: {}", self.project, self.file)).mime_type("text/markdown"))
    }
}

fn with_resources(builder: ServerBuilder) -> ServerBuilder {
    builder
        .resource(
            Resource::text("test://static-text", "text", "Text with \"quotes\".\n")
                .title("Text")
                .description("Does not change.")
                .mime_type("text/plain"),
        )
        .resource(
            Resource::blob("test://static-binary", "binary", vec![0u8, 1, 2, 255])
                .mime_type("image/png")
                .cache(Duration::from_secs(1), CacheScope::Private),
        )
        .resource(Resource::known(
            "test://folder",
            "folder",
            Contents::text("one").uri("test://folder/1").and(Contents::blob(vec![1u8])),
        ))
        .pack(
            ToolPack::new("reading", ())
                .resource_fn(Resource::new("test://read", "read"), |_, _cx| async { Ok("now") }),
        )
        .template::<TemplateData>()
        .template::<File>()
}

fn server() -> Server {
    with_resources(Server::builder("test server", "1.2.3")).build()
}

async fn read(uri: &str) -> Answer {
    send(&server(), modern("resources/read", json!({ "uri": uri }))).await
}

async fn complete(uri: &str, variable: &str, value: &str) -> Answer {
    let params = json!({
        "ref": { "type": "ref/resource", "uri": uri },
        "argument": { "name": variable, "value": value },
    });
    send(&server(), modern("completion/complete", params)).await
}

#[tokio::test]
async fn lists_satisfy_the_schema_and_keep_the_order() {
    let answer = send(&server(), modern("resources/list", json!({}))).await;
    assert_is("ListResourcesResultResponse", &answer.message);
    assert_eq!(answer.result["ttlMs"], 300_000);
    let resources = answer.result["resources"].as_array().unwrap();
    let uris: Vec<_> = resources.iter().map(|resource| resource["uri"].as_str().unwrap()).collect();
    assert_eq!(
        uris,
        ["test://static-text", "test://static-binary", "test://folder", "test://read"]
    );
    assert_eq!(
        resources[0],
        json!({
            "uri": "test://static-text", "name": "text", "title": "Text", "size": 20,
            "description": "Does not change.", "mimeType": "text/plain",
        })
    );
    assert_eq!(resources[1]["size"], 4);

    let answer = send(&server(), modern("resources/templates/list", json!({}))).await;
    assert_is("ListResourceTemplatesResultResponse", &answer.message);
    assert_eq!(
        answer.result["resourceTemplates"][0],
        json!({
            "uriTemplate": "test://template/{id}/data", "name": "template_data", "title": "Data",
            "description": "The data with a number.", "mimeType": "application/json",
            "annotations": { "audience": ["user"], "priority": 0.5 },
            "icons": [{ "src": "https://example.com/data.png" }],
        })
    );
}

#[tokio::test]
async fn what_is_read_satisfies_the_schema() {
    for uri in [
        "test://static-text",
        "test://static-binary",
        "test://folder",
        "test://read",
        "test://template/7/data",
        "file:///alpha/notes.md",
    ] {
        let answer = read(uri).await;
        assert_is("ReadResourceResultResponse", &answer.message);
        assert_eq!(
            answer.result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
            "test server"
        );
    }
}

#[tokio::test]
async fn contents_that_do_not_change_may_be_kept_as_long_as_a_list() {
    let result = read("test://static-text").await.result;
    assert_eq!(
        result["contents"],
        json!([{
            "uri": "test://static-text", "mimeType": "text/plain",
            "text": "Text with \"quotes\".\n",
        }])
    );
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&300_000.into(), &"public".into()));
}

#[tokio::test]
async fn bytes_are_in_base64_and_a_resource_says_how_long_it_may_be_kept() {
    let result = read("test://static-binary").await.result;
    assert_eq!(
        result["contents"],
        json!([{ "uri": "test://static-binary", "mimeType": "image/png", "blob": "AAEC/w==" }])
    );
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&1000.into(), &"private".into()));
}

#[tokio::test]
async fn a_resource_may_have_several_parts() {
    assert_eq!(
        read("test://folder").await.result["contents"],
        json!([{ "uri": "test://folder/1", "text": "one" }, { "uri": "test://folder", "blob": "AQ==" }])
    );
}

#[tokio::test]
async fn what_is_read_anew_may_not_be_kept_unless_it_says_so() {
    let result = read("test://read").await.result;
    assert_eq!(result["contents"], json!([{ "uri": "test://read", "text": "now" }]));
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&0.into(), &"private".into()));
    let result = read("test://template/5/data").await.result;
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&7.into(), &"public".into()));
}

#[tokio::test]
async fn variables_are_decoded_and_typed() {
    assert_eq!(
        read("test://template/123/data").await.result["contents"],
        json!([{
            "uri": "test://template/123/data", "mimeType": "application/json",
            "text": "{\"id\":123}",
        }])
    );
    let contents = read("file:///a%20b/%C3%A9.x.md").await.result["contents"].clone();
    assert_eq!(contents[0]["text"], "a b: é.x");
    assert_eq!(contents[0]["mimeType"], "text/markdown");
}

#[tokio::test]
async fn a_resource_that_does_not_exist_has_the_eras_code_and_its_uri() {
    for uri in [
        "test://none",
        "test://template//data",
        "test://template/x/data",
        "test://template/0/data",
        "file:///alpha/sub/notes.md",
        "",
    ] {
        let answer = read(uri).await;
        assert_eq!(answer.code(), -32602, "{uri}");
        assert_eq!(answer.error["data"]["uri"], uri);
        assert_eq!(answer.kind, Some(ErrorKind::InvalidParams));
        let answer = send(&server(), legacy("resources/read", json!({ "uri": uri }))).await;
        assert_eq!(answer.code(), -32002, "{uri}");
    }
    let long = read(&format!("test://{}", "x".repeat(100_000))).await;
    assert!(long.message.to_string().len() < 3_000);
    assert_eq!(
        read("test://template/x/data").await.error_message(),
        "there is no such resource: the argument `id` of `test://template/{id}/data` does not fit: \
         expected a whole number from 0 to 4294967295, found `x`"
    );
}

#[tokio::test]
async fn a_read_without_a_uri_is_malformed() {
    let answer = send(&server(), modern("resources/read", json!({}))).await;
    assert_eq!((answer.code(), answer.kind), (-32602, Some(ErrorKind::MalformedParams)));
}

#[tokio::test]
async fn failures_are_errors_that_tell_no_secret() {
    let failed = read("test://template/1/data").await;
    assert_eq!(failed.code(), -32603);
    assert!(!failed.message.to_string().contains("hunter2"));
    let panicked = read("test://template/2/data").await;
    assert_eq!(panicked.code(), -32603);
    assert_eq!(panicked.error_message(), "internal error in `test://template/{id}/data`");
    let denied = read("test://template/4/data").await;
    assert_eq!((denied.code(), denied.error_message()), (-32602, "four is secret"));
}

#[tokio::test(start_paused = true)]
async fn a_read_has_a_deadline() {
    assert_eq!(read("test://template/3/data").await.kind, Some(ErrorKind::DeadlineExceeded));
}

#[tokio::test]
async fn a_reader_can_tell_of_its_progress() {
    let params = json!({ "uri": "file:///alpha/notes.md", "_meta": { "progressToken": 1 } });
    assert_eq!(send(&server(), modern("resources/read", params)).await.progress(), [0.5]);
}

#[tokio::test]
async fn legacy_results_have_nothing_of_the_modern_era() {
    let params = json!({ "uri": "test://static-text" });
    let result = send(&server(), legacy("resources/read", params)).await.result;
    assert_eq!(result.as_object().unwrap().keys().collect::<Vec<_>>(), ["contents"]);
    let list = send(&server(), legacy("resources/list", json!({}))).await.result;
    assert_eq!(list.as_object().unwrap().keys().collect::<Vec<_>>(), ["resources"]);
    let list = send(&server(), legacy("resources/templates/list", json!({}))).await.result;
    assert_eq!(list.as_object().unwrap().keys().collect::<Vec<_>>(), ["resourceTemplates"]);
}

#[tokio::test]
async fn pages_follow_each_other_and_a_cursor_of_another_list_is_none() {
    let server = with_resources(Server::builder("test", "1")).page_size(3).build();
    for method in [modern, legacy] {
        let first = send(&server, method("resources/list", json!({}))).await.result;
        assert_eq!(first["resources"].as_array().unwrap().len(), 3);
        let next = json!({ "cursor": first["nextCursor"] });
        let second = send(&server, method("resources/list", next.clone())).await.result;
        assert_eq!(second["resources"][0]["uri"], "test://read");
        assert_eq!(second["nextCursor"], Value::Null);
        for other in ["resources/templates/list", "tools/list"] {
            assert_eq!(send(&server, method(other, next.clone())).await.code(), -32602);
        }
    }
}

#[tokio::test]
async fn capabilities_are_those_of_what_is_there() {
    let discover = |server: Server| async move {
        send(&server, modern("server/discover", json!({}))).await.result["capabilities"].clone()
    };
    let capabilities = discover(server()).await;
    assert_eq!(capabilities["resources"], json!({ "subscribe": true }));
    assert_eq!(capabilities["completions"], json!({}));
    assert_eq!(capabilities.get("prompts"), None);
    let resource = Resource::text("a:b", "a", "b");
    let only_static = Server::builder("test", "1").resource(resource).build();
    let capabilities = discover(only_static.clone()).await;
    assert_eq!(capabilities["resources"], json!({ "subscribe": true }));
    assert_eq!(capabilities.get("completions"), None);
    assert_eq!(send(&only_static, modern("completion/complete", json!({}))).await.code(), -32601);

    let empty = Server::builder("test", "1").build();
    assert_eq!(discover(empty.clone()).await.get("resources"), None);
    for method in ["resources/list", "resources/templates/list", "resources/read"] {
        for text in [modern(method, json!({})), legacy(method, json!({}))] {
            assert_eq!(send(&empty, text).await.code(), -32601, "{method}");
        }
    }
}

#[tokio::test]
async fn variables_are_completed_by_their_values_or_by_the_author() {
    let answer = complete("test://template/{id}/data", "id", "14").await;
    assert_is("CompleteResultResponse", &answer.message);
    assert_eq!(
        answer.result["completion"]["values"],
        json!(["14", "140", "141", "142", "143", "144", "145", "146", "147", "148", "149"])
    );
    let all = complete("test://template/{id}/data", "id", "").await.result["completion"].clone();
    assert_eq!(all["values"].as_array().unwrap().len(), 100);
    assert_eq!((&all["total"], &all["hasMore"]), (&150.into(), &true.into()));

    let project = complete("file:///{project}/{name}.md", "project", "A").await;
    assert_eq!(
        project.result["completion"],
        json!({ "values": ["alpha"], "total": 1, "hasMore": false })
    );
    let name = complete("file:///alpha/x.md", "name", "").await;
    assert_eq!(name.result["completion"]["values"], json!([]));
    let known = complete("test://static-text", "any", "").await;
    assert_eq!(known.result["completion"]["values"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_completed_is_invalid() {
    assert_eq!(complete("test://none/{x}", "x", "").await.code(), -32602);
    assert_eq!(complete("test://template/{id}/data", "none", "").await.code(), -32602);
    for params in [
        json!({}),
        json!({ "ref": { "type": "ref/other" }, "argument": { "name": "x", "value": "" } }),
        json!({ "ref": { "type": "ref/resource", "uri": 1 }, "argument": {} }),
    ] {
        let answer = send(&server(), modern("completion/complete", params)).await;
        assert_eq!((answer.code(), answer.kind), (-32602, Some(ErrorKind::MalformedParams)));
    }
}

#[tokio::test]
async fn a_resource_of_its_own_is_preferred_to_a_template() {
    let server = Server::builder("test", "1")
        .template::<TemplateData>()
        .resource(Resource::text("test://template/9/data", "nine", "nine itself"))
        .build();
    let read = |uri| send(&server, modern("resources/read", json!({ "uri": uri })));
    let nine = read("test://template/9/data").await.result;
    assert_eq!(nine["contents"][0]["text"], "nine itself");
    let ten = read("test://template/10/data").await.result;
    assert_eq!(ten["contents"][0]["text"], "{\"id\":10}");
}

#[test]
fn what_clashes_does_not_make_a_server() {
    let pack = |name: &'static str| ToolPack::new(name, ());
    let resource = |uri: &str| Resource::text(uri, "x", "x");
    let error = Server::builder("test", "1")
        .pack(pack("one").resource(resource("a:b")))
        .pack(pack("two").resource(resource("a:b")))
        .try_build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "two resources have the URI `a:b`: one in the pack `one`, one in the pack `two`"
    );

    /// Overlaps with the data.
    #[derive(ResourceTemplate)]
    #[resource(uri = "test://template/{any}/{what}")]
    struct Any {
        any: String,
        what: String,
    }
    impl ReadResource<()> for Any {
        async fn read(self, (): &(), _: &ToolContext) -> ToolResult<Contents> {
            Ok(Contents::text(self.any + &self.what))
        }
    }
    let error = Server::builder("test", "1")
        .pack(pack("one").template::<TemplateData>())
        .pack(pack("two").template::<Any>())
        .try_build()
        .unwrap_err();
    let BuildError::OverlappingTemplates { first_pack, second_pack, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((first_pack.as_str(), second_pack.as_str()), ("one", "two"));

    /// Has a scheme that varies.
    #[derive(ResourceTemplate)]
    #[resource(uri = "{scheme}://x")]
    struct Scheme {
        scheme: String,
    }
    impl ReadResource<()> for Scheme {
        async fn read(self, (): &(), _: &ToolContext) -> ToolResult<Contents> {
            Ok(Contents::text(self.scheme))
        }
    }
    let builders = [
        Server::builder("test", "1").template::<Scheme>(),
        Server::builder("test", "1").resource(resource("no scheme")),
        Server::builder("test", "1").resource(resource("a:b c")),
    ];
    for builder in builders {
        let error = builder.try_build().unwrap_err();
        assert!(matches!(error, BuildError::InvalidUri { .. }), "{error}");
    }
}

/// Has nothing to do with resources.
#[tool]
async fn idle() {}

#[tokio::test]
async fn layers_of_the_server_and_of_the_pack_see_reads() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let layer = |name: &'static str| {
        let seen = Arc::clone(&seen);
        MapRequestLayer::new(move |request: Request| {
            let name = format!("{name} {}", request.method().as_str());
            seen.lock().unwrap().push(name);
            request
        })
    };
    let reads = Arc::new(AtomicUsize::new(0));
    let pack = ToolPack::with_shared("counted", reads)
        .resource_fn(Resource::new("a:read", "read"), |reads, _cx| async move {
            Ok(reads.fetch_add(1, Ordering::Relaxed).to_string())
        })
        .resource(Resource::text("a:text", "text", "text"))
        .template::<TemplateData>()
        .layer(layer("pack"));
    let server = Server::builder("test", "1")
        .tool::<idle>()
        .resource(Resource::text("a:own", "own", "own"))
        .pack(pack)
        .layer(layer("server"))
        .build();
    let take = || std::mem::take(&mut *seen.lock().unwrap());

    for uri in ["a:read", "a:text", "test://template/8/data"] {
        let answer = send(&server, modern("resources/read", json!({ "uri": uri }))).await;
        assert!(answer.kind.is_none(), "{}", answer.message);
        assert_eq!(take(), ["server resources/read", "pack resources/read"]);
    }
    send(&server, modern("resources/read", json!({ "uri": "a:own" }))).await;
    assert_eq!(take(), ["server resources/read"]);
    send(&server, modern("resources/list", json!({}))).await;
    assert_eq!(take(), ["server resources/list"]);
    let params = json!({
        "ref": { "type": "ref/resource", "uri": "test://template/{id}/data" },
        "argument": { "name": "id", "value": "9" },
    });
    let answer = send(&server, modern("completion/complete", params)).await;
    assert_eq!(answer.result["completion"]["total"], 11, "{}", answer.message);
    assert_eq!(take(), ["server completion/complete", "pack completion/complete"]);
}

#[tokio::test]
async fn a_read_that_is_dropped_stops() {
    struct OnDrop(Arc<AtomicUsize>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let pack = ToolPack::with_shared("hanging", Arc::clone(&dropped)).resource_fn(
        Resource::new("a:hang", "hang"),
        |dropped, _cx| async move {
            let _guard = OnDrop(dropped);
            std::future::pending::<ToolResult<String>>().await
        },
    );
    let server = Server::builder("test", "1").pack(pack).build();
    let text = modern("resources/read", json!({ "uri": "a:hang" }));
    let mut reply = server.call(support::request(text));
    tokio::select! {
        biased;
        _ = reply.next() => panic!("it hangs"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    drop(reply);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}
