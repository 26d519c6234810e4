//! A server that tells what AWS costs, what of it is of no use, how a server there is doing, where to
//! run one, and what a text says.

use mcp_serve::Server;
use mcp_tools_aws::{
    Aws, Prices, cost_pack, operations_pack, refreshed_deploy_pack, text_pack, waste_pack,
};

/// The server over an account of AWS, which is not asked for anything before a tool needs it.
pub fn server(aws: Aws, prices: Prices) -> Server {
    Server::builder("cost-server", env!("CARGO_PKG_VERSION"))
        .instructions(
            "Figures of the account come from Cost Explorer, which bills $0.01 a question: ask for \
             what you need, not for everything. What identify_unused_resources finds is for people to \
             judge: it deletes nothing, and neither can you through this server. Figures about where to run a server are list prices \
             and cost nothing.",
        )
        .pack(cost_pack(aws.clone()))
        .pack(waste_pack(aws.clone()))
        .pack(operations_pack(aws.clone()))
        .pack(refreshed_deploy_pack(prices, aws))
        .pack(text_pack())
        .build()
}
