//! A server that answers from real sales data: the sample that is part of the program, or what the
//! environment variable `SALES_DATA` names. A mistake in a file is printed with its line and column,
//! and the server does not start; one in a column of Parquet that is read later is what its questions get.

use std::{error::Error, process::ExitCode};

use mcp_serve::Server;

mod data;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let sales = mcp_tools_sales::pack(data::sales().await?);
    let server = Server::builder("sales-server", env!("CARGO_PKG_VERSION")).pack(sales).build();
    Ok(mcp_serve::run(server).await)
}
