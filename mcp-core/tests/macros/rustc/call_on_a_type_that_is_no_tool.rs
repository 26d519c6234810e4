use mcp_core::{Call, ToolContext, ToolResult};

struct Add;

impl Call<()> for Add {
    type Output = i64;

    async fn call(self, _: &(), _: &ToolContext) -> ToolResult<i64> {
        Ok(0)
    }
}

fn main() {}
