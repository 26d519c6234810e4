//! A server that tells what AWS costs, where to run a server, and what a text says.

use mcp_serve::Server;
use mcp_tools_aws::{Aws, Prices, cost_pack, deploy_pack, text_pack};

/// The server over an account of AWS, which is not asked for anything before a tool needs it.
pub fn server(aws: Aws, prices: Prices) -> Server {
    Server::builder("cost-server", env!("CARGO_PKG_VERSION"))
        .instructions(
            "Figures of the account come from Cost Explorer, which bills $0.01 a question: ask for \
             what you need, not for everything. Figures about where to run a server are list prices \
             and cost nothing.",
        )
        .pack(cost_pack(aws))
        .pack(deploy_pack(prices))
        .pack(text_pack())
        .build()
}
