use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::{HeaderName, HeaderValue};

use crate::{
    commands::{Architecture, ClientName},
    target::Target,
};

/// Calls Model Context Protocol servers wherever they are.
#[derive(Debug, Parser)]
#[command(
    name = "mcp",
    version,
    after_help = "TARGET is one of\n  \
        http://HOST/mcp      Streamable HTTP (https:// too)\n  \
        http://HOST/sse      HTTP+SSE, the transport of 2024-11-05 (or sse:URL for other paths)\n  \
        ws://HOST/ws         WebSocket (wss:// too)\n  \
        lambda:FUNCTION      a function of AWS Lambda, or lambda:FUNCTION:QUALIFIER\n  \
        \"ssh:HOST COMMAND\"   a command on another machine, over standard input and output\n  \
        \"COMMAND ARG…\"       a command on this machine, the same way\n\n\
        Exit codes: 0 done; 1 the tool or the server answered that it failed; 2 what was asked \
        for cannot be right; 3 no server could be reached that speaks the protocol; 4 something \
        on this machine is missing or failed."
)]
pub(crate) struct Cli {
    /// Print one JSON document to standard output, for programs to read.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what a server offers: tools, resources, prompts.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Call a tool.
    Call {
        #[command(flatten)]
        server: Server,
        /// The tool's name.
        tool: String,
        #[command(flatten)]
        arguments: Arguments,
        /// Write images, audio and binary resources of the answer into this folder.
        #[arg(long, value_name = "FOLDER")]
        save: Option<std::path::PathBuf>,
    },
    /// Read a resource.
    Read {
        #[command(flatten)]
        server: Server,
        /// The resource's URI.
        uri: String,
        /// Write its content into this folder instead of printing it.
        #[arg(long, value_name = "FOLDER")]
        save: Option<std::path::PathBuf>,
    },
    /// Get a prompt, filled in.
    Prompt {
        #[command(flatten)]
        server: Server,
        /// The prompt's name.
        prompt: String,
        /// Its arguments.
        #[arg(value_name = "NAME=VALUE")]
        arguments: Vec<String>,
    },
    /// Tell all that a server says of itself, with the arguments of its tools.
    Inspect {
        #[command(flatten)]
        server: Server,
    },
    /// Look for what is wrong with a server, from its address to its protocol, and say what to change.
    Doctor {
        #[command(flatten)]
        server: Server,
    },
    /// Write a project with one tool, its test and a Dockerfile.
    New(New),
    /// Run a Lambda function behind AWS's front doors on this machine, and anew when it changes.
    ///
    /// Its doors keep to AWS's limits and refuse what AWS refuses. Callers need no credentials,
    /// unless MCP_ALLOW_ANONYMOUS is set.
    Dev(Dev),
    /// Make what AWS is given to run: a zip for Lambda, or an image that holds the program alone.
    Package(Package),
    /// Tell what running a server costs a month at each place in AWS, from list prices; AWS is not asked.
    ///
    /// What is not said is assumed: 200 ms a request, 256 MB, answers of 4 KB, Graviton, us-east-1. --metrics
    /// and --load measure instead.
    Cost(Box<Cost>),
    /// Templates for every place to run at: fill them, and check them. AWS is not called; what to run
    /// is printed.
    #[command(subcommand)]
    Deploy(Deploy),
    /// Tell a client of a server: print what belongs into its settings, or write it there.
    ClientConfig(ClientConfig),
    /// Write a script that completes the commands of this program in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages of this program into a folder.
    Man {
        /// The folder, which is made where it does not exist.
        folder: std::path::PathBuf,
    },
}

/// The server that a command is about, and how to speak to it.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Where the server is: a URL or a command, see below.
    pub(crate) target: Target,

    /// Send this header with each request, as NAME:VALUE. May be repeated.
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,

    /// Send this key in `X-API-Key`.
    #[arg(long, value_name = "KEY", env = "MCP_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,

    /// Send this token in `Authorization`.
    #[arg(long, value_name = "TOKEN", env = "MCP_BEARER", hide_env_values = true)]
    pub(crate) bearer: Option<String>,

    /// Sign requests for this service of AWS: lambda for a Function URL, execute-api for API Gateway.
    ///
    /// Credentials and region are those of the AWS profile; the region of an address counts more.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) sigv4: Option<String>,

    /// Which protocol to speak.
    #[arg(long, value_enum, default_value_t = EraChoice::Auto)]
    pub(crate) era: EraChoice,

    /// How many seconds the server may take to answer that it is there.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub(crate) connect_timeout: Duration,

    /// How many seconds an answer may take.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Answer what a tool asks its user with this JSON object instead of at the prompt.
    #[arg(long, value_name = "JSON")]
    pub(crate) answer: Option<String>,
}

/// A project that is about to be written.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The project's folder; its last part names the package.
    pub(crate) folder: std::path::PathBuf,

    /// What the package is called, where that is not the folder's name.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Depend on a checkout of this framework in this folder instead of on released crates.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) path: Option<std::path::PathBuf>,
}

/// A function, and what is in front of it.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The function's program and its arguments; without one, the binary of the cargo project in
    /// this folder, which is built whenever its sources change.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) program: Vec<String>,

    /// Which of the project's binaries.
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,

    /// Open this door only, such as function-url-stream, rest-api or invoke. May be repeated.
    #[arg(long, value_name = "DOOR")]
    pub(crate) door: Vec<String>,

    /// The port of the first door; the others have the ports after it. 0 takes free ones.
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,

    /// The function's timeout, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

/// What is made of a program.
#[derive(Debug, Args)]
pub(crate) struct Package {
    /// A zip for Lambda, or an image.
    #[arg(value_enum)]
    pub(crate) kind: PackageKind,

    /// Which of the project's binaries.
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,

    /// The processor; this machine's by default.
    #[arg(long, value_enum)]
    pub(crate) arch: Option<Architecture>,

    /// The profile to build with.
    #[arg(long, default_value = "release")]
    pub(crate) profile: String,

    /// Take this program instead of building the cargo project in this folder.
    #[arg(long, value_name = "FILE", conflicts_with = "bin")]
    pub(crate) program: Option<std::path::PathBuf>,

    /// The file to write: bootstrap.zip or image.tar by default.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,

    /// The image's name and tag.
    #[arg(long, value_name = "NAME:TAG")]
    pub(crate) tag: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackageKind {
    /// A zip with the program as `bootstrap`.
    Lambda,
    /// An image for ECS, EKS, AgentCore or Docker, as a tar file of the OCI's layout.
    Image,
}

/// What a server is asked to do, and how that is known.
#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// Requests a month.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=1_000_000_000_000))]
    pub(crate) requests: Option<u64>,

    /// The mean time that a request takes, in milliseconds.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=86_400_000))]
    pub(crate) duration_ms: Option<u32>,

    /// The time that the longest request takes, in seconds; decides where the server can run.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub(crate) longest_call_seconds: Option<u32>,

    /// The memory of a Lambda function, in MB.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub(crate) memory_mb: Option<u32>,

    /// The mean size of an answer, in KB.
    #[arg(long, value_name = "KB")]
    pub(crate) payload_kb: Option<f64>,

    /// The processor.
    #[arg(long, value_enum)]
    pub(crate) arch: Option<Architecture>,

    /// The region whose prices count.
    #[arg(long)]
    pub(crate) region: Option<String>,

    /// How many containers run; as many as the peak needs, at least two, by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) tasks: Option<u32>,

    /// The vCPU of a container.
    #[arg(long, value_name = "VCPU")]
    pub(crate) task_vcpu: Option<f64>,

    /// The memory of a container, in MB.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(512..=122_880))]
    pub(crate) task_memory_mb: Option<u32>,

    /// How many hours a day the server is up, where it can be switched off.
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u8).range(1..=24))]
    pub(crate) hours_per_day: Option<u8>,

    /// Lambda execution environments that are kept ready.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) provisioned_concurrency: Option<u32>,

    /// Lambda streams its answers.
    #[arg(long)]
    pub(crate) streaming: bool,

    /// Containers reach the internet through a NAT gateway.
    #[arg(long)]
    pub(crate) nat_gateway: bool,

    /// Prices of another region or day, in the form of prices/us-east-1.toml of mcp-tools-aws.
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<std::path::PathBuf>,

    /// Take the duration, and without --requests their number too, from a server's metrics, such as
    /// http://127.0.0.1:8000/metrics.
    #[arg(long, value_name = "URL", conflicts_with = "load")]
    pub(crate) metrics: Option<String>,

    /// How many seconds to count requests for.
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "metrics", value_parser = seconds)]
    pub(crate) over: Duration,

    /// Take duration and size from calls of a tool of this server. MCP_API_KEY and MCP_BEARER are its credentials.
    #[arg(long, value_name = "TARGET", requires = "tool")]
    pub(crate) load: Option<Target>,

    /// The tool to call.
    #[arg(long, value_name = "NAME", requires = "load")]
    pub(crate) tool: Option<String>,

    /// Its arguments, as a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}", requires = "load")]
    pub(crate) args: String,

    /// How many calls to measure, one after the other.
    #[arg(long, value_name = "N", default_value = "50", requires = "load", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) calls: u32,

    /// Draw the costs over the requests into this file, .svg or .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<std::path::PathBuf>,
}

/// What is done with templates.
#[derive(Debug, Subcommand)]
pub(crate) enum Deploy {
    /// List the targets, or what one of them can be told.
    List {
        /// The target.
        target: Option<String>,
    },
    /// Write the templates of a target, filled, and print the commands that deploy them.
    ///
    /// Values come from mcp.toml and from --set. What a file there holds otherwise is kept in a
    /// backup beside it.
    Render(Render),
    /// Hold templates against the linters of their kinds, and say which linter is missing.
    Check(Check),
}

/// A target, and what it is told.
#[derive(Debug, Args)]
pub(crate) struct Render {
    /// The target, as `mcp deploy list` names it; `all` for every one.
    pub(crate) target: String,

    /// Set a parameter, such as AlarmEmail=ops@example.com. May be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,

    /// The file of settings; mcp.toml where there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<std::path::PathBuf>,

    /// What the stack and the function are called; the folder's name by default.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// The region to deploy to; that of the AWS profile by default.
    #[arg(long)]
    pub(crate) region: Option<String>,

    /// The folder to write into.
    #[arg(short, long, value_name = "FOLDER", default_value = "deploy")]
    pub(crate) output: std::path::PathBuf,
}

/// Which templates are checked, and by whom.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files and folders.
    #[arg(default_value = "deploy")]
    pub(crate) paths: Vec<std::path::PathBuf>,

    /// Ask only this linter, such as cfn-lint. May be repeated.
    #[arg(long, value_name = "LINTER", conflicts_with = "skip")]
    pub(crate) only: Vec<String>,

    /// Do without this linter. May be repeated.
    #[arg(long, value_name = "LINTER")]
    pub(crate) skip: Vec<String>,

    /// The region whose rules hold.
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
}

/// A client, and what it is told of.
#[derive(Debug, Args)]
pub(crate) struct ClientConfig {
    /// The client.
    #[arg(value_enum)]
    pub(crate) client: ClientName,

    /// Where the server is: a URL or a command, see `mcp --help`.
    pub(crate) target: Target,

    /// What the client calls the server.
    #[arg(long, default_value = "server")]
    pub(crate) name: String,

    /// Have the client send this header with each request, as NAME:VALUE. May be repeated.
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,

    /// Have the client send this key in `X-API-Key`.
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<String>,

    /// Have the client send this token in `Authorization`.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) bearer: Option<String>,

    /// Write it into the client's file. The rest of the file stays as it is, and is kept in a
    /// backup beside it.
    #[arg(long)]
    pub(crate) write: bool,

    /// The client's file, where it is not at its usual place.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<std::path::PathBuf>,
}

/// The arguments of a tool.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An argument; the tool's schema says whether the value is a text, a number, a truth value or
    /// JSON.
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) pairs: Vec<String>,

    /// All arguments as a JSON object; `@FILE` reads it from a file, `-` from standard input.
    #[arg(long, value_name = "JSON", conflicts_with = "pairs")]
    pub(crate) args: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EraChoice {
    /// 2026-07-28 where the server knows it, else an older one.
    Auto,
    /// 2026-07-28.
    Modern,
    /// 2025-11-25 or older, with its handshake.
    Legacy,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME:VALUE")?;
    let name = name
        .trim()
        .parse::<HeaderName>()
        .map_err(|_| format!("{name:?} is no name of a header"))?;
    let mut value = HeaderValue::from_str(value.trim())
        .map_err(|_| format!("the value of {name} cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let (name, value) = header("X-Team: sales:eu").expect("a header");
        assert_eq!((name.as_str(), value.to_str().expect("text")), ("x-team", "sales:eu"));
        for bad in ["", "X-Team", "X Team: x", "X-Team: a\nb"] {
            assert!(header(bad).is_err(), "{bad:?}");
        }
    }
}
