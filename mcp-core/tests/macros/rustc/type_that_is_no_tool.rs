use mcp_core::Server;

struct Add;

fn server() -> Server {
    Server::builder("add", "1.0").tool::<Add>().build()
}

fn main() {}
