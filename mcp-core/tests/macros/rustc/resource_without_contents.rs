use mcp_core::{Resource, ToolPack};

fn main() {
    let _ = ToolPack::new("pack", ()).resource(Resource::new("notes://all", "all"));
}
