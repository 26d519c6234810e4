use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
enum Greet {
    Ada,
}

fn main() {}
