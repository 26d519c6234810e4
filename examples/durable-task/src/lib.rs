//! A tool whose work goes on when its request, and the process that took it, are gone.
//!
//! The tool says `#[tool(task)]` and nothing else. Where its tasks are kept, and who works on them, is
//! decided here, by the environment: `TASK_TABLE` is a table of DynamoDB.

use std::env;

use mcp_serve::{Server, ToolContext, tasks::TaskOptions, tool};
use mcp_state_aws::{DynamoDbTaskStore, LambdaTaskRunner};

/// The server, for `main` and for tests.
pub fn server() -> Server {
    Server::builder("durable-task", env!("CARGO_PKG_VERSION"))
        .tool::<estimate_pi>()
        .tasks(tasks())
        .build()
}

/// In memory, unless there is a table. A function of AWS Lambda stands still after its answer, so it
/// has an invocation of its own do the work; any other process goes on by itself.
fn tasks() -> TaskOptions {
    let Some(table) = env::var("TASK_TABLE").ok().filter(|table| !table.is_empty()) else {
        return TaskOptions::new();
    };
    let tasks = TaskOptions::new().store(DynamoDbTaskStore::new(table));
    if env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        tasks.runner(LambdaTaskRunner::new())
    } else {
        tasks
    }
}

/// Estimates pi by counting which points of an even spread over a square lie within the circle.
/// Takes about as many seconds as millions of points.
#[tool(task, read_only, idempotent)]
pub async fn estimate_pi(
    cx: &ToolContext,
    /// How many points, in thousands. The error is about one in as many.
    thousands: u32,
) -> f64 {
    let mut within = 0_u32;
    for thousand in 0..thousands {
        within += (0..1000).filter(|point| is_within(thousand * 1000 + point)).count() as u32;
        cx.progress_of((thousand + 1).into(), thousands.into(), "counting").await;
        // Whoever asks after the task, or cancels it, is served meanwhile.
        tokio::task::yield_now().await;
    }
    4.0 * f64::from(within) / (1000.0 * f64::from(thousands))
}

/// Whether a point of the Halton sequence with bases 2 and 3 lies within the quarter of a circle.
fn is_within(point: u32) -> bool {
    let (x, y) = (radical_inverse(point, 2), radical_inverse(point, 3));
    x * x + y * y <= 1.0
}

fn radical_inverse(mut number: u32, base: u32) -> f64 {
    let (mut inverse, mut place) = (0.0, 1.0);
    while number > 0 {
        place /= f64::from(base);
        inverse += place * f64::from(number % base);
        number /= base;
    }
    inverse
}
