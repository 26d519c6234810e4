use mcp_core::{Contents, ReadResource, ResourceTemplate, ToolContext, ToolPack, ToolResult};

/// A note.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}")]
struct Note {
    id: u32,
}

struct Notes;

impl ReadResource<Notes> for Note {
    async fn read(self, _: &Notes, _: &ToolContext) -> ToolResult<Contents> {
        Ok(Contents::text(self.id.to_string()))
    }
}

fn main() {
    let _ = ToolPack::new("pack", ()).template::<Note>();
}
