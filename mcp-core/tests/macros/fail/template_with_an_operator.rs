use mcp_core::ResourceTemplate;

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{+path}")]
struct Note {
    path: String,
}

fn main() {}
