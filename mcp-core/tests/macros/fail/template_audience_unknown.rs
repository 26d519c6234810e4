use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}", audience = ["everyone"])]
struct Note {
    id: u32,
}

fn main() {}
