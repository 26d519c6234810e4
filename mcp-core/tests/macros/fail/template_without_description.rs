use mcp_core::ResourceTemplate;

#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}")]
struct Note {
    id: u32,
}

fn main() {}
