use mcp_core::tool;

/// Waits.
#[tool]
async fn wait() {
    let counter = std::rc::Rc::new(1);
    std::future::ready(()).await;
    drop(counter);
}

fn main() {}
