use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}", priority = 2)]
struct Note {
    id: u32,
}

fn main() {}
