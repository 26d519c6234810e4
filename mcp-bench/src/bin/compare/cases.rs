//! What is measured, in which order, and what is aimed at.

use mcp_bench::{Call, Dialect, LISTED_TOOLS, Load, Setting, Subject};

/// How calls reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Keep-alive connections with one call at a time each.
    Http { connections: usize },
    /// The standard streams.
    Stdio { in_flight: usize },
    /// One WebSocket.
    WebSocket { in_flight: usize },
    /// A process for each call, over its standard streams.
    ColdStart,
    /// Legacy sessions over HTTP that are opened and left alone.
    Sessions { count: usize },
}

/// One row of the comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) wire: Wire,
    pub(crate) call: Call,
    /// How many tools there are.
    pub(crate) tools: usize,
    pub(crate) subjects: &'static [Subject],
    /// At most this many times the floor's processor time.
    pub(crate) most: f64,
}

const ALL: &[Subject] = &[Subject::Floor, Subject::Ours, Subject::Rmcp];
const THREADS: &[Subject] =
    &[Subject::Floor, Subject::Ours, Subject::OursWith(Setting::OneThread), Subject::Rmcp];
/// Where rmcp has nothing to compare with.
const TWO: &[Subject] = &[Subject::Floor, Subject::Ours];
const TWO_THREADS: &[Subject] =
    &[Subject::Floor, Subject::Ours, Subject::OursWith(Setting::OneThread)];
const SETTINGS: &[Subject] = &[
    Subject::Floor,
    Subject::Ours,
    Subject::OursWith(Setting::OneThread),
    Subject::OursWith(Setting::NoSchema),
    Subject::OursWith(Setting::Info),
    Subject::OursWith(Setting::InfoAndMetrics),
    Subject::OursWith(Setting::ApiKey),
    Subject::OursWith(Setting::Jwt),
    Subject::OursWith(Setting::NewJwts),
    Subject::Rmcp,
];
const CACHED: &[Subject] = &[Subject::Floor, Subject::Ours, Subject::OursWith(Setting::Cache)];
const LOGGING: &[Subject] = &[
    Subject::Floor,
    Subject::Ours,
    Subject::OursWith(Setting::OneThread),
    Subject::OursWith(Setting::Info),
    Subject::Rmcp,
];

const fn case(
    wire: Wire,
    dialect: Dialect,
    load: Load,
    subjects: &'static [Subject],
    most: f64,
) -> Case {
    Case { wire, call: Call { dialect, load }, tools: 3, subjects, most }
}

const fn http(connections: usize) -> Wire {
    Wire::Http { connections }
}

const fn stdio(in_flight: usize) -> Wire {
    Wire::Stdio { in_flight }
}

const fn web_socket(in_flight: usize) -> Wire {
    Wire::WebSocket { in_flight }
}

use Dialect::{Legacy, Modern, Session};
use Load::{Add, Echo, List, Same, Stream};

pub(crate) const CASES: &[Case] = &[
    case(http(1), Modern, Add, THREADS, 1.25),
    case(http(32), Modern, Add, SETTINGS, 1.25),
    case(http(256), Modern, Add, THREADS, 1.25),
    Case { tools: LISTED_TOOLS, ..case(http(32), Modern, Add, TWO, 1.25) },
    case(http(32), Modern, Same, CACHED, 1.25),
    case(http(1), Legacy, Add, ALL, 1.5),
    case(http(32), Legacy, Add, ALL, 1.5),
    case(http(256), Legacy, Add, ALL, 1.5),
    case(http(1), Session, Add, ALL, 1.5),
    case(http(32), Session, Add, ALL, 1.5),
    case(http(256), Session, Add, ALL, 1.5),
    Case { tools: LISTED_TOOLS, ..case(http(1), Modern, List, TWO_THREADS, 1.2) },
    Case { tools: LISTED_TOOLS, ..case(http(32), Modern, List, TWO_THREADS, 1.2) },
    case(http(1), Modern, Echo, ALL, 1.15),
    case(http(1), Modern, Stream, ALL, 2.0),
    case(http(32), Modern, Stream, ALL, 2.0),
    case(stdio(1), Modern, Add, LOGGING, 1.2),
    case(stdio(64), Modern, Add, LOGGING, 1.2),
    case(stdio(1), Session, Add, ALL, 1.2),
    case(stdio(64), Session, Add, ALL, 1.2),
    case(stdio(1), Modern, Echo, ALL, 1.15),
    case(stdio(1), Modern, Stream, ALL, 2.0),
    case(web_socket(1), Modern, Add, TWO, 1.3),
    case(web_socket(64), Modern, Add, TWO, 1.3),
    case(web_socket(1), Session, Add, TWO, 1.3),
    case(web_socket(64), Session, Add, TWO, 1.3),
    case(web_socket(1), Modern, Echo, TWO, 1.3),
    case(web_socket(1), Modern, Stream, TWO, 2.0),
    case(Wire::ColdStart, Modern, Add, THREADS, 1.2),
    case(Wire::Sessions { count: 1000 }, Session, Add, &[Subject::Ours, Subject::Rmcp], f64::MAX),
];

impl Case {
    pub(crate) fn name(&self) -> String {
        let dialect = self.call.dialect.name();
        let load = match self.call.load {
            Load::Add if self.tools == LISTED_TOOLS => " of 100 tools",
            Load::Add => "",
            Load::Same => " same",
            Load::Echo => " echo 1 MB",
            Load::Stream => " event",
            Load::List => " list",
        };
        match self.wire {
            Wire::Http { connections } => format!("http {dialect}{load} x{connections}"),
            Wire::Stdio { in_flight } => format!("stdio {dialect}{load} x{in_flight}"),
            Wire::WebSocket { in_flight } => format!("ws {dialect}{load} x{in_flight}"),
            Wire::ColdStart => "stdio cold start".to_owned(),
            Wire::Sessions { count } => format!("{count} sessions"),
        }
    }

    /// How this subject is called. The floor knows no sessions: where others answer within one, it
    /// answers without.
    pub(crate) fn call_of(&self, subject: Subject) -> Call {
        match (subject, self.call.dialect) {
            (Subject::Floor, Dialect::Session) => Call { dialect: Dialect::Legacy, ..self.call },
            _ => self.call,
        }
    }
}
