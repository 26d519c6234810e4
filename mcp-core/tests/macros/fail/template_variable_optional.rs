use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}")]
struct Note {
    id: Option<u32>,
}

fn main() {}
