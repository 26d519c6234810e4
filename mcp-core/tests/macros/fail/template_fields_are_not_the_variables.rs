use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}/{page}")]
struct Note {
    id: u32,
    pages: u32,
}

fn main() {}
