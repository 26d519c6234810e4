use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
struct Note {
    id: u32,
}

fn main() {}
