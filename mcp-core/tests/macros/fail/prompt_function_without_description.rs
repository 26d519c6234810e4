use mcp_core::prompt;

#[prompt]
async fn greet(name: String) -> String {
    name
}

fn main() {}
