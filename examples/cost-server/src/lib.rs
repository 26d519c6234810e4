//! A server that tells what AWS costs, what of it is of no use, how a server there is doing, where to
//! run one, and what a text says. Each is a cargo feature.

use mcp_serve::Server;
#[cfg(any(feature = "cost", feature = "operations", feature = "refresh", feature = "waste"))]
use mcp_tools_aws::Aws;
#[cfg(feature = "deploy")]
use mcp_tools_aws::Prices;

/// What a model is told of the packs that are there.
const INSTRUCTIONS: [(bool, &str); 3] = [
    (
        cfg!(feature = "cost"),
        "Figures of the account come from Cost Explorer, which bills $0.01 a question: ask for what \
         you need, not for everything.",
    ),
    (
        cfg!(feature = "waste"),
        "What identify_unused_resources finds is for people to judge: it deletes nothing, and neither \
         can you through this server.",
    ),
    (
        cfg!(feature = "deploy"),
        "Figures about where to run a server are list prices and cost nothing.",
    ),
];

/// The server: AWS as the environment says, which is not asked for anything before a tool needs it,
/// and list prices as the crate carries them.
pub fn server() -> Server {
    let told: Vec<&str> =
        INSTRUCTIONS.iter().filter(|(there, _)| *there).map(|(_, told)| *told).collect();
    let server = Server::builder("cost-server", env!("CARGO_PKG_VERSION"));
    let server = if told.is_empty() { server } else { server.instructions(told.join(" ")) };
    #[cfg(any(feature = "cost", feature = "operations", feature = "refresh", feature = "waste"))]
    let aws = Aws::from_env();
    #[cfg(feature = "cost")]
    let server = server.pack(mcp_tools_aws::cost_pack(aws.clone()));
    #[cfg(feature = "waste")]
    let server = server.pack(mcp_tools_aws::waste_pack(aws.clone()));
    #[cfg(feature = "operations")]
    let server = server.pack(mcp_tools_aws::operations_pack(aws.clone()));
    #[cfg(feature = "refresh")]
    let server = server.pack(mcp_tools_aws::refreshed_deploy_pack(Prices::built_in(), aws));
    #[cfg(all(feature = "deploy", not(feature = "refresh")))]
    let server = server.pack(mcp_tools_aws::deploy_pack(Prices::built_in()));
    #[cfg(feature = "text")]
    let server = server.pack(mcp_tools_aws::text_pack());
    server.build()
}
