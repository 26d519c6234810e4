use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}", mime_type = "text")]
struct Note {
    id: u32,
}

fn main() {}
