//! A server that answers from real sales data: the sample that is part of the program, or the CSV
//! file that the environment variable `SALES_DATA` names. A mistake in that file is printed with its
//! line and column, and the server does not start.

use std::process::ExitCode;

use mcp_serve::Server;
use mcp_tools_sales::LoadError;

mod data;

#[tokio::main]
async fn main() -> Result<ExitCode, LoadError> {
    let sales = mcp_tools_sales::pack(data::store()?);
    let server = Server::builder("sales-server", env!("CARGO_PKG_VERSION")).pack(sales).build();
    Ok(mcp_serve::run(server).await)
}
