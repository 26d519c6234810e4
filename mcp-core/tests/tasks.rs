//! Tasks (SEP-2663): calls that are answered with a handle, and what may be done with one.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use jsonschema::Validator;
use mcp_core::{
    BoxError, Call, ErrorKind, Principal, Response, Server, Tool, ToolContext, ToolErrorKind,
    ToolPack, ToolResult,
    tasks::{
        InMemoryTaskStore, TaskHandover, TaskOptions, TaskRecord, TaskRunner, TaskStore,
        TaskStoreError, TaskWork,
    },
    tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tower::ServiceBuilder;

use crate::support::{Answer, call, gather, legacy, modern, request, send};

/// What the tools and the tests tell each other.
#[derive(Debug)]
struct Gate {
    /// One permit for each step that a tool may take.
    steps: Semaphore,
    /// How many calls have ended, in whatever way.
    ended: watch::Sender<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { steps: Semaphore::new(0), ended: watch::Sender::new(0) }
    }
}

impl Gate {
    async fn step(&self) {
        self.steps.acquire().await.unwrap().forget();
    }

    async fn ended(&self, count: usize) {
        self.ended.subscribe().wait_for(|ended| *ended >= count).await.unwrap();
    }
}

struct Ends<'a>(&'a Gate);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.ended.send_modify(|ended| *ended += 1);
    }
}

/// Takes two steps.
#[tool(task)]
async fn walk(
    #[state] gate: &Gate,
    cx: &ToolContext,
    /// Where to.
    to: String,
) -> String {
    let _ends = Ends(gate);
    gate.step().await;
    cx.progress(0.5, "half way").await;
    gate.step().await;
    format!("at {to}")
}

/// Takes one step, and no client that knows no tasks along.
#[tool(task = "required")]
async fn march(#[state] gate: &Gate) -> u32 {
    gate.step().await;
    1
}

/// Takes a step, then another as a task.
#[tool(task = "on_demand", timeout = "5s")]
async fn escalate(#[state] gate: &Gate, cx: &ToolContext) -> String {
    let _ends = Ends(gate);
    gate.step().await;
    let is_task = cx.continue_as_task().await;
    cx.progress(0.5, "later").await;
    gate.step().await;
    format!("a task: {is_task}")
}

/// Fails as a tool.
#[tool(task)]
async fn fail(#[state] _gate: &Gate) -> ToolResult<u32> {
    Err(mcp_core::ToolError::new(ToolErrorKind::NotFound, "there is none"))
}

/// Panics.
#[tool(task)]
async fn panic(#[state] _gate: &Gate) -> u32 {
    tokio::task::yield_now().await;
    panic!("a secret")
}

/// Never ends.
#[tool(task, timeout = "2m")]
async fn hang(#[state] gate: &Gate) -> u32 {
    let _ends = Ends(gate);
    pending().await
}

/// Is no task.
#[tool]
async fn stroll(#[state] _gate: &Gate) -> u32 {
    1
}

/// Says who calls.
#[derive(Deserialize, JsonSchema, Tool)]
#[tool(task)]
struct Whoami {}

impl Call<Gate> for Whoami {
    type Output = String;

    async fn call(self, _: &Gate, cx: &ToolContext) -> ToolResult<String> {
        Ok(cx.principal().map_or("nobody", Principal::subject).to_owned())
    }
}

/// What a user says.
#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its text is looked at")]
struct Consent {
    /// Whether to go on.
    yes: bool,
}

/// Asks two questions at once.
#[tool(task)]
async fn ask_twice(#[state] _gate: &Gate, cx: &ToolContext) -> ToolResult<String> {
    let (left, right) = tokio::try_join!(
        cx.question("left").elicit::<Consent>("Left?"),
        cx.question("right").elicit::<Consent>("Right?"),
    )?;
    Ok(format!("{left:?} {right:?}"))
}

/// Asks, and gives up when the gate lets it.
#[tool(task)]
async fn ask_and_give_up(#[state] gate: &Gate, cx: &ToolContext) -> ToolResult<String> {
    tokio::select! {
        answer = cx.elicit::<Consent>("Now?") => return Ok(format!("{:?}", answer?)),
        () = gate.step() => {}
    }
    gate.step().await;
    Ok("given up".to_owned())
}

/// Asks before it is a task, and again after.
#[tool(task = "on_demand")]
async fn ask_before_and_after(#[state] _gate: &Gate, cx: &ToolContext) -> ToolResult<String> {
    let before = cx.question("before").elicit::<Consent>("Begin?").await?;
    cx.continue_as_task().await;
    let after = cx.question("after").elicit::<Consent>("Go on?").await?;
    Ok(format!("{before:?} {after:?}"))
}

fn pack(gate: &Arc<Gate>) -> ToolPack<Gate> {
    ToolPack::with_shared("walks", Arc::clone(gate))
        .tool::<walk>()
        .tool::<march>()
        .tool::<escalate>()
        .tool::<fail>()
        .tool::<panic>()
        .tool::<hang>()
        .tool::<stroll>()
        .tool::<Whoami>()
        .tool::<ask_twice>()
        .tool::<ask_and_give_up>()
        .tool::<ask_before_and_after>()
}

fn server() -> (Server, Arc<Gate>) {
    let gate = Arc::default();
    (Server::builder("test", "1").pack(pack(&gate)).build(), gate)
}

/// A request of a client that knows tasks.
fn knowing(method: &str, mut params: Value) -> String {
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": {
        "extensions": { "io.modelcontextprotocol/tasks": {} },
        "elicitation": {},
    } });
    modern(method, params)
}

fn knowing_call(tool: &str, arguments: Value) -> String {
    knowing("tools/call", json!({ "name": tool, "arguments": arguments }))
}

#[track_caller]
fn assert_is(name: &str, value: &Value) {
    let mut schema: Value =
        serde_json::from_str(include_str!("schema/ext-tasks.json")).expect("the schema is JSON");
    assert!(schema["$defs"][name].is_object(), "no definition {name}");
    schema["$ref"] = format!("#/$defs/{name}").into();
    let schema: Validator = jsonschema::draft202012::new(&schema).expect("the schema is one");
    let errors: Vec<_> = schema.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "no {name}: {errors:?}\n{value:#}");
}

/// The identifier of a task that an answer hands out.
#[track_caller]
fn handle(answer: &Answer) -> String {
    assert_is("CreateTaskResult", &answer.result);
    assert_eq!(answer.result["resultType"], "task", "{}", answer.message);
    answer.result["taskId"].as_str().unwrap().to_owned()
}

async fn begin(server: &Server, tool: &str, arguments: Value) -> String {
    handle(&send(server, knowing_call(tool, arguments)).await)
}

async fn get(server: &Server, id: &str) -> Value {
    let answer = send(server, knowing("tasks/get", json!({ "taskId": id }))).await;
    assert_is("GetTaskResult", &answer.result);
    assert_eq!(answer.result["resultType"], "complete");
    answer.result
}

async fn cancel(server: &Server, id: &str) {
    let answer = send(server, knowing("tasks/cancel", json!({ "taskId": id }))).await;
    assert_is("CancelTaskResult", &answer.result);
    let members: Vec<_> = answer.result.as_object().unwrap().keys().collect();
    assert_eq!(members, ["_meta", "resultType"]);
}

/// Asks until the task is as it should be.
async fn until(server: &Server, id: &str, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let task = get(server, id).await;
        if is(&task) {
            return task;
        }
        tokio::task::yield_now().await;
    }
}

async fn end(server: &Server, id: &str) -> Value {
    until(server, id, |task| {
        ["completed", "failed", "cancelled"].iter().any(|status| task["status"] == *status)
    })
    .await
}

#[tokio::test]
async fn a_call_is_answered_with_a_handle_and_goes_on() {
    let (server, gate) = server();
    let answer = send(&server, knowing_call("walk", json!({ "to": "Dallas" }))).await;
    let id = handle(&answer);
    assert_eq!(answer.result["status"], "working");
    assert_eq!(answer.result["pollIntervalMs"], 1000);
    assert!(answer.result["_meta"]["io.modelcontextprotocol/serverInfo"].is_object());
    assert_eq!(get(&server, &id).await["status"], "working");

    gate.steps.add_permits(1);
    let task = until(&server, &id, |task| task["statusMessage"] == "half way").await;
    assert_eq!(task["status"], "working");

    gate.steps.add_permits(1);
    let task = end(&server, &id).await;
    assert_eq!(task["status"], "completed");
    assert_eq!(task["result"]["content"][0]["text"], "at Dallas");
    assert_eq!(task["result"]["resultType"], "complete");
    // The outcome stays.
    assert_eq!(get(&server, &id).await, task);
}

#[tokio::test]
async fn a_client_that_knows_no_tasks_is_answered_in_the_ordinary_way() {
    let (server, gate) = server();
    gate.steps.add_permits(4);
    for answer in [
        call(&server, "walk", json!({ "to": "Dallas" })).await,
        send(
            &server,
            legacy("tools/call", json!({ "name": "walk", "arguments": { "to": "Dallas" } })),
        )
        .await,
    ] {
        assert_eq!(answer.text(), "at Dallas");
        assert!(answer.result["taskId"].is_null());
    }
}

#[tokio::test]
async fn a_tool_that_needs_tasks_refuses_a_client_that_knows_none() {
    let (server, gate) = server();
    let answer = call(&server, "march", json!({})).await;
    assert_eq!((answer.code(), answer.kind), (-32021, Some(ErrorKind::MissingClientCapability)));
    let required = &answer.error["data"]["requiredCapabilities"]["extensions"];
    assert_eq!(required["io.modelcontextprotocol/tasks"], json!({}));
    gate.steps.add_permits(1);
    let id = begin(&server, "march", json!({})).await;
    assert_eq!(end(&server, &id).await["result"]["structuredContent"], 1);
}

#[tokio::test]
async fn a_tool_that_is_no_task_never_becomes_one() {
    let (server, _) = server();
    let params = json!({ "name": "stroll", "task": { "ttl": 60_000 } });
    let answer = send(&server, knowing("tools/call", params)).await;
    assert_eq!((answer.text(), &answer.result["resultType"]), ("1", &json!("complete")));
}

#[tokio::test]
async fn wrong_arguments_are_answered_before_there_is_a_task() {
    let (server, _) = server();
    let answer = send(&server, knowing_call("walk", json!({ "to": 5 }))).await;
    assert!(answer.tool_error().contains("`to`"), "{}", answer.message);
    let answer = send(&server, knowing_call("walk", json!(5))).await;
    assert_eq!(answer.code(), -32602);
}

#[tokio::test]
async fn a_failure_of_the_tool_completes_the_task() {
    let (server, _) = server();
    let id = begin(&server, "fail", json!({})).await;
    let task = end(&server, &id).await;
    assert_eq!((&task["status"], &task["result"]["isError"]), (&json!("completed"), &json!(true)));
    assert_eq!(task["result"]["content"][0]["text"], "there is none");
}

#[tokio::test]
async fn a_panic_fails_the_task() {
    let (server, _) = server();
    let id = begin(&server, "panic", json!({})).await;
    let task = end(&server, &id).await;
    assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!(-32603)));
    assert!(task["result"].is_null());
    assert!(!task.to_string().contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_too_long_fails_and_is_dropped() {
    let (server, gate) = server();
    let id = begin(&server, "hang", json!({})).await;
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(get(&server, &id).await["status"], "working");
    gate.ended(1).await;
    let task = end(&server, &id).await;
    assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!(-31504)));
    assert!(task["statusMessage"].is_string());
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_kept_for_the_ttl_and_then_forgotten() {
    let gate = Arc::default();
    let server = Server::builder("test", "1")
        .pack(pack(&gate))
        .tasks(TaskOptions::new().ttl(Duration::from_secs(600)))
        .build();
    let id = begin(&server, "hang", json!({})).await;
    let task = get(&server, &id).await;
    // Two minutes of work at most, and then ten minutes.
    assert_eq!(task["ttlMs"], 720_000);
    tokio::time::sleep(Duration::from_secs(719)).await;
    assert_eq!(get(&server, &id).await["status"], "failed");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answer = send(&server, knowing("tasks/get", json!({ "taskId": id }))).await;
    assert_eq!((answer.code(), answer.kind), (-32602, Some(ErrorKind::InvalidParams)));
}

#[tokio::test]
async fn cancelled_work_is_dropped() {
    let (server, gate) = server();
    let id = begin(&server, "hang", json!({})).await;
    tokio::task::yield_now().await;
    cancel(&server, &id).await;
    gate.ended(1).await;
    let task = get(&server, &id).await;
    assert_eq!(task["status"], "cancelled");
    // Once more changes nothing.
    cancel(&server, &id).await;
    assert_eq!(get(&server, &id).await, task);
}

#[tokio::test]
async fn cancelling_what_has_ended_keeps_its_outcome() {
    let (server, _) = server();
    let id = begin(&server, "fail", json!({})).await;
    let task = end(&server, &id).await;
    cancel(&server, &id).await;
    assert_eq!(get(&server, &id).await, task);
}

#[tokio::test]
async fn answers_to_what_was_not_asked_are_ignored() {
    let (server, _) = server();
    let id = begin(&server, "hang", json!({})).await;
    let before = get(&server, &id).await;
    let params = json!({ "taskId": id, "inputResponses": { "unknown": { "ignored": true } } });
    let answer = send(&server, knowing("tasks/update", params)).await;
    assert_is("UpdateTaskResult", &answer.result);
    assert_eq!(get(&server, &id).await, before);
}

#[tokio::test]
async fn unknown_tasks_and_malformed_requests_are_invalid_params() {
    let (server, _) = server();
    let known = begin(&server, "hang", json!({})).await;
    for (method, params) in [
        ("tasks/get", json!({ "taskId": "nobody-knows-it" })),
        ("tasks/cancel", json!({ "taskId": "nobody-knows-it" })),
        ("tasks/update", json!({ "taskId": "nobody-knows-it", "inputResponses": {} })),
        ("tasks/get", json!({})),
        ("tasks/get", json!({ "taskId": 5 })),
        ("tasks/get", json!({ "name": known })),
        ("tasks/update", json!({ "taskId": known })),
        ("tasks/update", json!({ "taskId": known, "inputResponses": [] })),
    ] {
        let answer = send(&server, knowing(method, params.clone())).await;
        assert_eq!(answer.code(), -32602, "{method} {params}");
    }
}

#[tokio::test]
async fn a_client_that_knows_no_tasks_may_not_use_their_methods() {
    let (server, _) = server();
    let id = begin(&server, "hang", json!({})).await;
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({ "taskId": id, "inputResponses": {} });
        let answer = send(&server, modern(method, params.clone())).await;
        assert_eq!(answer.code(), -32021, "{method}");
        // The extension is none of the legacy revisions'.
        assert_eq!(send(&server, legacy(method, params)).await.code(), -32601, "{method}");
    }
}

#[tokio::test]
async fn removed_methods_do_not_exist() {
    let (server, _) = server();
    for method in ["tasks/result", "tasks/list"] {
        let answer = send(&server, knowing(method, json!({ "taskId": "any" }))).await;
        assert_eq!(answer.code(), -32601, "{method}");
    }
}

/// Is no task.
#[tool]
async fn plain() -> u32 {
    1
}

#[tokio::test]
async fn a_server_offers_tasks_only_if_a_tool_has_them() {
    let discover = |server| async move {
        send(&server, modern("server/discover", json!({}))).await.result["capabilities"].clone()
    };
    let capabilities = discover(server().0).await;
    assert_eq!(capabilities["extensions"], json!({ "io.modelcontextprotocol/tasks": {} }));
    assert!(capabilities["tasks"].is_null());

    let without = Server::builder("test", "1").tool::<plain>().build();
    assert!(discover(without.clone()).await["extensions"].is_null());
    let answer = send(&without, knowing("tasks/get", json!({ "taskId": "any" }))).await;
    assert_eq!(answer.code(), -32601);
}

/// Sends a request as a caller that a transport has authenticated.
async fn send_as(server: &Server, subject: &str, text: String) -> Answer {
    let mut request = request(text);
    request.extensions_mut().insert(Principal::new(subject, [""; 0]));
    gather(server.call(request)).await
}

#[tokio::test]
async fn somebody_elses_task_is_unknown() {
    let (server, gate) = server();
    let id = handle(&send_as(&server, "ann", knowing_call("hang", json!({}))).await);
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let text = || knowing(method, json!({ "taskId": id, "inputResponses": {} }));
        let never = knowing(method, json!({ "taskId": "never", "inputResponses": {} }));
        let unknown = send_as(&server, "ben", never).await;
        assert_eq!(send_as(&server, "ben", text()).await.error, unknown.error);
        assert_eq!(send(&server, text()).await.error, unknown.error);
    }
    let text = knowing("tasks/get", json!({ "taskId": id }));
    assert_eq!(send_as(&server, "ann", text).await.result["status"], "working");
    assert_eq!(*gate.ended.borrow(), 0);
}

#[tokio::test]
async fn the_work_knows_its_caller() {
    let (server, _) = server();
    let id = handle(&send_as(&server, "ann", knowing_call("whoami", json!({}))).await);
    loop {
        let task = send_as(&server, "ann", knowing("tasks/get", json!({ "taskId": id }))).await;
        if task.result["status"] == "completed" {
            assert_eq!(task.result["result"]["content"][0]["text"], "ann");
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_tool_makes_a_task_of_its_call_when_it_wants() {
    let (server, gate) = server();
    let reply = tokio::spawn({
        let server = server.clone();
        async move { send(&server, knowing_call("escalate", json!({}))).await }
    });
    tokio::task::yield_now().await;
    assert!(!reply.is_finished());
    gate.steps.add_permits(1);
    let id = handle(&reply.await.unwrap());
    until(&server, &id, |task| task["statusMessage"] == "later").await;
    assert_eq!(*gate.ended.borrow(), 0);
    gate.steps.add_permits(1);
    assert_eq!(end(&server, &id).await["result"]["content"][0]["text"], "a task: true");

    // Without tasks it is the call that it was.
    gate.steps.add_permits(2);
    assert_eq!(call(&server, "escalate", json!({})).await.text(), "a task: false");
}

#[tokio::test]
async fn the_work_ends_with_the_server() {
    let (server, gate) = server();
    begin(&server, "hang", json!({})).await;
    tokio::task::yield_now().await;
    drop(server);
    gate.ended(1).await;
}

#[tokio::test]
async fn a_store_that_is_full_of_work_refuses_more() {
    let gate = Arc::default();
    let server = Server::builder("test", "1")
        .pack(pack(&gate))
        .tasks(TaskOptions::new().store(InMemoryTaskStore::new(2, 1 << 20)))
        .build();
    let first = begin(&server, "hang", json!({})).await;
    begin(&server, "hang", json!({})).await;
    let answer = send(&server, knowing_call("hang", json!({}))).await;
    assert_eq!(answer.kind, Some(ErrorKind::Overloaded));
    cancel(&server, &first).await;
    begin(&server, "hang", json!({})).await;
}

#[tokio::test]
async fn layers_see_the_call_that_is_answered_with_a_task() {
    let gate = Arc::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let layer = ServiceBuilder::new().map_response(move |response: Response| {
        log.lock().unwrap().push(format!("{response:?}"));
        response
    });
    let server = Server::builder("test", "1").pack(pack(&gate).layer(layer)).build();
    let id = begin(&server, "fail", json!({})).await;
    end(&server, &id).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// Keeps the work for a test to do.
#[derive(Clone, Default)]
struct Elsewhere(Arc<Mutex<Vec<TaskWork>>>);

#[async_trait::async_trait]
impl TaskRunner for Elsewhere {
    async fn run(&self, work: TaskWork) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(work);
        Ok(())
    }
}

/// Takes no work.
struct Nowhere;

#[async_trait::async_trait]
impl TaskRunner for Nowhere {
    async fn run(&self, _: TaskWork) -> Result<(), BoxError> {
        Err("nobody is there".into())
    }
}

#[tokio::test]
async fn work_that_nobody_does_is_an_error_and_no_task() {
    let options = TaskOptions::new().runner(Nowhere);
    let server = Server::builder("test", "1").pack(pack(&Arc::default())).tasks(options).build();
    let answer = send(&server, knowing_call("walk", json!({ "to": "Dallas" }))).await;
    assert_eq!(answer.kind, Some(ErrorKind::Internal));
}

#[tokio::test]
async fn work_that_processes_die_of_is_given_up() {
    let (gate, elsewhere) = (Arc::default(), Elsewhere::default());
    let options = TaskOptions::new().runner(elsewhere.clone());
    let server = Server::builder("test", "1").pack(pack(&gate)).tasks(options).build();
    let id = begin(&server, "walk", json!({ "to": "Dallas" })).await;
    let handover = elsewhere.0.lock().unwrap().pop().unwrap().handover();
    for _ in 0..3 {
        // A process that dies in the midst of it.
        let work = server.take_over(handover.clone()).unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), work).await.is_err());
        assert_eq!(get(&server, &id).await["status"], "working");
    }
    server.take_over(handover).unwrap().await.unwrap();
    let task = get(&server, &id).await;
    assert_eq!(task["status"], "failed");
    assert!(task["error"]["message"].as_str().unwrap().contains("3 times"), "{task}");
}

#[tokio::test]
async fn work_that_is_not_delivered_again_is_given_up_once() {
    let (gate, elsewhere) = (Arc::default(), Elsewhere::default());
    let options = TaskOptions::new().runner(elsewhere.clone());
    let server = Server::builder("test", "1").pack(pack(&gate)).tasks(options).build();
    for (method, status) in [(None, "failed"), (Some("tasks/cancel"), "cancelled")] {
        let id = begin(&server, "walk", json!({ "to": "Dallas" })).await;
        let handover = elsewhere.0.lock().unwrap().pop().unwrap().handover();
        if let Some(method) = method {
            send(&server, knowing(method, json!({ "taskId": id }))).await;
        }
        server.give_up(&handover).await.unwrap();
        assert_eq!(get(&server, &id).await["status"], status);
        // What comes late is not done any more, and changes nothing.
        server.take_over(handover).unwrap().await.unwrap();
        assert_eq!(get(&server, &id).await["status"], status);
    }
}

/// A store that fails at will, in front of one in memory.
#[derive(Clone, Default)]
struct Flaky {
    inner: Arc<InMemoryTaskStore>,
    fails: Arc<std::sync::atomic::AtomicBool>,
}

impl Flaky {
    fn check(&self) -> Result<(), TaskStoreError> {
        let fails = self.fails.load(std::sync::atomic::Ordering::SeqCst);
        if fails { Err(TaskStoreError::Failed("throttled".into())) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl TaskStore for Flaky {
    async fn create(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError> {
        self.check()?;
        self.inner.create(record).await
    }

    async fn get(&self, id: &str) -> Result<Option<Arc<TaskRecord>>, TaskStoreError> {
        self.check()?;
        self.inner.get(id).await
    }

    async fn replace(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError> {
        self.check()?;
        self.inner.replace(record).await
    }
}

#[tokio::test(start_paused = true)]
async fn work_whose_store_fails_is_an_error_to_who_can_do_it_again() {
    let (gate, elsewhere, store) = (Arc::<Gate>::default(), Elsewhere::default(), Flaky::default());
    let options = TaskOptions::new().runner(elsewhere.clone()).store(store.clone());
    let server = Server::builder("test", "1").pack(pack(&gate)).tasks(options).build();
    let id = begin(&server, "walk", json!({ "to": "Dallas" })).await;
    let handover = elsewhere.0.lock().unwrap().pop().unwrap().handover();
    gate.steps.add_permits(2);

    let fails = |fails| store.fails.store(fails, std::sync::atomic::Ordering::SeqCst);
    fails(true);
    let work = server.take_over(handover.clone()).unwrap().await;
    assert!(matches!(work, Err(TaskStoreError::Failed(_))), "{work:?}");
    let answer = send(&server, knowing("tasks/get", json!({ "taskId": id }))).await;
    assert_eq!(answer.kind, Some(ErrorKind::Overloaded));

    fails(false);
    server.take_over(handover).unwrap().await.unwrap();
    assert_eq!(get(&server, &id).await["result"]["content"][0]["text"], "at Dallas");
}

#[tokio::test]
async fn a_runner_may_have_the_work_done_elsewhere() {
    let (gate, elsewhere) = (Arc::default(), Elsewhere::default());
    let options = TaskOptions::new().runner(elsewhere.clone());
    let server = Server::builder("test", "1").pack(pack(&gate)).tasks(options).build();
    let id = begin(&server, "walk", json!({ "to": "Dallas" })).await;
    let work = elsewhere.0.lock().unwrap().pop().unwrap();
    assert_eq!(work.id(), id);
    // What would be sent to another process.
    let sent = serde_json::to_string(&work.handover()).unwrap();
    drop(work);

    gate.steps.add_permits(2);
    let handover: TaskHandover = serde_json::from_str(&sent).unwrap();
    server.take_over(handover.clone()).unwrap().await.unwrap();
    // Sent twice, it is done once.
    server.take_over(handover).unwrap().await.unwrap();
    assert_eq!(get(&server, &id).await["result"]["content"][0]["text"], "at Dallas");

    let unknown: TaskHandover = serde_json::from_str(&sent.replace("walk", "stroll")).unwrap();
    assert_eq!(server.take_over(unknown).unwrap_err().kind(), ErrorKind::InvalidParams);
}

async fn answer(server: &Server, id: &str, responses: Value) {
    let params = json!({ "taskId": id, "inputResponses": responses });
    let answer = send(server, knowing("tasks/update", params)).await;
    assert_is("UpdateTaskResult", &answer.result);
    let members: Vec<_> = answer.result.as_object().unwrap().keys().collect();
    assert_eq!(members, ["_meta", "resultType"]);
}

fn open(task: &Value) -> Vec<&str> {
    task["inputRequests"]
        .as_object()
        .map(|requests| requests.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn accept(yes: bool) -> Value {
    json!({ "action": "accept", "content": { "yes": yes } })
}

#[tokio::test]
async fn questions_are_answered_one_by_one_and_nothing_is_run_again() {
    let (server, _) = server();
    let id = begin(&server, "ask_twice", json!({})).await;
    let task = until(&server, &id, |task| open(task).len() == 2).await;
    assert_eq!((&task["status"], open(&task)), (&json!("input_required"), vec!["left", "right"]));
    let request = &task["inputRequests"]["left"];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["message"], "Left?");

    answer(&server, &id, json!({ "left": accept(true), "other": accept(true) })).await;
    let task = get(&server, &id).await;
    assert_eq!((&task["status"], open(&task)), (&json!("input_required"), vec!["right"]));
    // The first answer counts.
    answer(&server, &id, json!({ "left": accept(false) })).await;
    answer(&server, &id, json!({ "right": { "action": "decline" } })).await;
    let task = end(&server, &id).await;
    let text = "Accepted(Consent { yes: true }) Declined";
    assert_eq!(task["result"]["content"][0]["text"], text);
}

#[tokio::test]
async fn what_is_no_answer_is_asked_again_under_another_key_and_not_for_ever() {
    let (server, _) = server();
    let id = begin(&server, "ask_twice", json!({})).await;
    until(&server, &id, |task| open(task).len() == 2).await;
    for (key, next) in [("left", Some("left-2")), ("left-2", Some("left-3")), ("left-3", None)] {
        answer(&server, &id, json!({ key: accept(true)["content"] })).await;
        match next {
            Some(next) => {
                until(&server, &id, |task| open(task) == [next, "right"]).await;
            }
            None => assert_eq!(end(&server, &id).await["result"]["isError"], true),
        }
    }
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_is_taken_back() {
    let (server, gate) = server();
    let id = begin(&server, "ask_and_give_up", json!({})).await;
    until(&server, &id, |task| task["status"] == "input_required").await;
    gate.steps.add_permits(1);
    let task = until(&server, &id, |task| task["status"] == "working").await;
    assert!(open(&task).is_empty());
    gate.steps.add_permits(1);
    assert_eq!(end(&server, &id).await["result"]["content"][0]["text"], "given up");
}

#[tokio::test]
async fn a_call_may_ask_before_it_becomes_a_task_and_after() {
    asks_before_and_after(&server().0, async || {}).await;
}

/// What was answered before the work changed hands is not asked again.
#[tokio::test]
async fn another_process_knows_what_was_answered_before_the_call_was_a_task() {
    let elsewhere = Elsewhere::default();
    let options = TaskOptions::new().runner(elsewhere.clone());
    let server = Server::builder("test", "1").pack(pack(&Arc::default())).tasks(options).build();
    asks_before_and_after(&server, async || {
        let handover = elsewhere.0.lock().unwrap().pop().unwrap().handover();
        tokio::spawn(server.take_over(handover).unwrap());
    })
    .await;
}

async fn asks_before_and_after(server: &Server, hand_over: impl AsyncFn()) {
    let first = send(server, knowing_call("ask_before_and_after", json!({}))).await;
    assert_eq!(first.result["resultType"], "input_required", "{}", first.message);
    assert!(first.result["taskId"].is_null());
    let params = json!({
        "name": "ask_before_and_after",
        "arguments": {},
        "inputResponses": { "before": accept(true) },
        "requestState": first.result["requestState"],
    });
    let second = send(server, knowing("tools/call", params)).await;
    let id = handle(&second);
    assert!(second.result["requestState"].is_null());
    hand_over().await;
    let task = until(server, &id, |task| task["status"] == "input_required").await;
    assert_eq!(open(&task), ["after"]);
    answer(server, &id, json!({ "after": accept(false) })).await;
    assert_eq!(
        end(server, &id).await["result"]["content"][0]["text"],
        "Accepted(Consent { yes: true }) Accepted(Consent { yes: false })"
    );
}
