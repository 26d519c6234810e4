use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://first")]
struct Note {}

fn main() {}
