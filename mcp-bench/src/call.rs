//! The calls that are sent, and what must come back.

use std::sync::LazyLock;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

/// The number of the first call. All numbers and sums have eight digits, so that they can be
/// written into prepared bytes.
const FIRST: u32 = 10_000_000;
/// How far numbers go before they start again; the sums must keep eight digits.
const COUNT: u32 = 60_000_000;
/// What the calls add to their number.
const ADDEND: u32 = 20_000_000;

/// How a call is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// 2026-07-28: version, client and capabilities in each request.
    Modern,
    /// 2025-11-25 without a handshake: over HTTP, a request that belongs to no session.
    Legacy,
    /// 2025-11-25 after `initialize`: over HTTP, in a session.
    Session,
}

impl Dialect {
    /// The dialect's name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
            Self::Session => "session",
        }
    }

    /// The revision of the protocol.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Legacy | Self::Session => "2025-11-25",
        }
    }

    /// The `initialize` of a session.
    pub(crate) fn initialize() -> String {
        json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": Self::Session.version(),
                "capabilities": {},
                "clientInfo": { "name": "compare", "version": "1.0.0" },
            },
        })
        .to_string()
    }

    /// What follows the answer to `initialize`.
    pub(crate) fn initialized() -> String {
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string()
    }
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// `add` of other numbers each time.
    Add,
    /// `add` of the same numbers each time, which a cache can answer.
    Same,
    /// `echo` of a megabyte of text, with a line break every 80 characters.
    Echo,
    /// `stream` of [`EVENTS`] progress events.
    Stream,
    /// The list of [`LISTED_TOOLS`] tools.
    List,
}

/// How many tools there are to list.
pub const LISTED_TOOLS: usize = 100;
/// How many progress events a call of `stream` asks for.
pub const EVENTS: usize = 100;

/// A megabyte as it stands in JSON, in quotes.
static MEGABYTE: LazyLock<String> = LazyLock::new(|| {
    let line = "All work and no play makes a server fast, and all play makes it dull to measure.";
    let mut text = format!("{line}\n").repeat(1_000_000 / (line.len() + 1));
    text.push_str(&"x".repeat(1_000_000 - text.len()));
    Value::from(text).to_string()
});

/// A request: what is called, and how that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// How it is put.
    pub dialect: Dialect,
    /// What is called.
    pub load: Load,
}

impl Call {
    /// A call of `add` in a dialect.
    pub const fn add(dialect: Dialect) -> Self {
        Self { dialect, load: Load::Add }
    }

    /// The method, and the name of what is called.
    pub(crate) const fn target(self) -> (&'static str, Option<&'static str>) {
        match self.load {
            Load::Add | Load::Same => ("tools/call", Some("add")),
            Load::Echo => ("tools/call", Some("echo")),
            Load::Stream => ("tools/call", Some("stream")),
            Load::List => ("tools/list", None),
        }
    }

    /// The first request.
    pub(crate) fn text(self) -> String {
        const MODERN: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"compare","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}"#;
        let (method, name) = self.target();
        let arguments = match self.load {
            Load::Add => format!(r#"{{"a":{FIRST},"b":{ADDEND}}}"#),
            Load::Same => format!(r#"{{"a":{ADDEND},"b":{ADDEND}}}"#),
            Load::Echo => format!(r#"{{"text":{}}}"#, *MEGABYTE),
            Load::Stream => format!(r#"{{"n":{EVENTS}}}"#),
            Load::List => String::new(),
        };
        let mut params = Vec::new();
        if let Some(name) = name {
            params.push(format!(r#""name":"{name}","arguments":{arguments}"#));
        }
        let mut meta = Vec::new();
        if self.load == Load::Stream {
            meta.push(r#""progressToken":"p""#);
        }
        if self.dialect == Dialect::Modern {
            meta.push(MODERN);
        }
        if !meta.is_empty() {
            params.push(format!(r#""_meta":{{{}}}"#, meta.join(",")));
        }
        let params = params.join(",");
        format!(r#"{{"jsonrpc":"2.0","id":{FIRST},"method":"{method}","params":{{{params}}}}}"#)
    }
}

impl Load {
    /// How many events come before the answer.
    pub const fn events(self) -> usize {
        match self {
            Self::Stream => EVENTS,
            _ => 0,
        }
    }
}

/// Prepared bytes in which only a number changes.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
    next: u32,
    credentials: Rotation,
}

/// Texts of one length that take turns in one place.
#[derive(Clone, Debug, Default)]
struct Rotation {
    texts: Vec<String>,
    place: usize,
    next: usize,
}

impl Template {
    pub(crate) fn new(first: impl Into<Vec<u8>>) -> Self {
        let bytes = first.into();
        let places = places(&bytes, FIRST);
        Self { bytes, places, next: FIRST, credentials: Rotation::default() }
    }

    /// Has each call show the next of these credentials, the first of which stands in the bytes.
    pub(crate) fn taking_turns(mut self, texts: &[String]) -> Self {
        if let [first, _, ..] = texts
            && let Some(place) = memchr::memmem::find(&self.bytes, first.as_bytes())
        {
            self.credentials = Rotation { texts: texts.to_vec(), place, next: 0 };
        }
        self
    }

    /// The bytes of the next call, and its number.
    pub fn next_call(&mut self) -> (u32, &[u8]) {
        let number = self.next;
        self.next = if number + 1 == FIRST + COUNT { FIRST } else { number + 1 };
        for place in &self.places {
            write_number(&mut self.bytes[*place..], number);
        }
        let Rotation { texts, place, next } = &mut self.credentials;
        if let Some(text) = texts.get(*next) {
            self.bytes[*place..*place + text.len()].copy_from_slice(text.as_bytes());
            *next = (*next + 1) % texts.len();
        }
        (number, &self.bytes)
    }
}

/// What a server answers to the calls of a [`Template`], learned from its first answer.
///
/// The first answer is read as JSON and checked member by member. All others must have its bytes,
/// but for the identifier and the sum.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    bytes: Vec<u8>,
    number_at: usize,
    sums_at: Vec<usize>,
}

impl Expected {
    /// Checks the answer to the first call.
    ///
    /// # Errors
    ///
    /// When it is not what it must be.
    pub fn learn(answer: &[u8], call: Call) -> anyhow::Result<Self> {
        let shown = || {
            format!("in the answer {}", String::from_utf8_lossy(&answer[..answer.len().min(2000)]))
        };
        let json: Value = serde_json::from_slice(answer).with_context(shown)?;
        let sum = if call.load == Load::Same { 2 * ADDEND } else { FIRST + ADDEND };
        let result = &json["result"];
        ensure!(json["jsonrpc"] == "2.0", "not JSON-RPC {}", shown());
        ensure!(json["id"] == FIRST, "another id {}", shown());
        let text = result["content"][0]["text"].as_str();
        let is_modern = call.dialect == Dialect::Modern;
        match call.load {
            Load::List => {
                let listed = result["tools"].as_array().map_or(0, Vec::len);
                ensure!(listed == LISTED_TOOLS, "{listed} tools {}", shown());
            }
            Load::Echo => {
                let echoed = text.map(|text| Value::from(text).to_string());
                ensure!(echoed.as_ref() == Some(&*MEGABYTE), "another text {}", shown());
            }
            Load::Stream => {
                ensure!(text == Some("streamed 100"), "another text {}", shown());
            }
            Load::Add | Load::Same => {
                ensure!(text == Some(&*sum.to_string()), "another text {}", shown());
                if is_modern {
                    ensure!(result["structuredContent"] == sum, "no structuredContent {}", shown());
                }
            }
        }
        ensure!(!is_modern || result["resultType"] == "complete", "no resultType {}", shown());
        let [number_at] = places(answer, FIRST)[..] else { bail!("more than one id {}", shown()) };
        let sums_at = if call.load == Load::Add { places(answer, sum) } else { Vec::new() };
        Ok(Self { bytes: answer.to_vec(), number_at, sums_at })
    }

    /// The answer that was learned, or the last that was checked.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The call that an answer belongs to, if it is right in every byte.
    pub fn check(&mut self, answer: &[u8]) -> Option<u32> {
        let digits = answer.get(self.number_at..self.number_at + 8)?;
        let number = digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })?;
        write_number(&mut self.bytes[self.number_at..], number);
        for place in &self.sums_at {
            write_number(&mut self.bytes[*place..], number + ADDEND);
        }
        (answer == self.bytes).then_some(number)
    }
}

/// How many progress events there are in a text.
pub(crate) fn events_in(text: &[u8]) -> usize {
    memchr::memmem::find_iter(text, br#""notifications/progress""#).count()
}

fn places(bytes: &[u8], number: u32) -> Vec<usize> {
    memchr::memmem::find_iter(bytes, number.to_string().as_bytes()).collect()
}

fn write_number(place: &mut [u8], mut number: u32) {
    for digit in place[..8].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(number: u32, sum: u32) -> Vec<u8> {
        format!(
            r#"{{"jsonrpc":"2.0","id":{number},"result":{{"content":[{{"type":"text","text":"{sum}"}}]}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn calls_are_numbered_in_place() {
        let mut template = Template::new(Call::add(Dialect::Modern).text());
        let first: Value = serde_json::from_slice(template.next_call().1).unwrap();
        let second: Value = serde_json::from_slice(template.next_call().1).unwrap();
        assert_eq!(first["id"], FIRST);
        assert_eq!(second["id"], FIRST + 1);
        assert_eq!(second["params"]["arguments"]["a"], FIRST + 1);
    }

    #[test]
    fn credentials_take_turns() {
        let mut template =
            Template::new("key: one\r\n").taking_turns(&["one".into(), "two".into()]);
        for expected in ["key: one\r\n", "key: two\r\n", "key: one\r\n"] {
            assert_eq!(template.next_call().1, expected.as_bytes());
        }
    }

    #[test]
    fn every_call_is_json() {
        for load in [Load::Add, Load::Same, Load::Echo, Load::Stream, Load::List] {
            for dialect in [Dialect::Modern, Dialect::Legacy] {
                let call: Value = serde_json::from_str(&Call { dialect, load }.text()).unwrap();
                assert_eq!(call["id"], FIRST, "{load:?}");
                let echoed = call["params"]["arguments"]["text"].as_str().map(str::len);
                assert_eq!(echoed, (load == Load::Echo).then_some(1_000_000));
            }
        }
    }

    #[test]
    fn only_right_answers_pass() {
        let first = answer(FIRST, FIRST + ADDEND);
        let mut expected = Expected::learn(&first, Call::add(Dialect::Legacy)).unwrap();
        assert_eq!(expected.check(&answer(12_345_678, 32_345_678)), Some(12_345_678));
        assert_eq!(expected.check(&answer(12_345_678, 32_345_679)), None);
        assert_eq!(expected.check(b"{}"), None);
        assert!(Expected::learn(&answer(FIRST, 1), Call::add(Dialect::Legacy)).is_err());
        assert!(Expected::learn(&first, Call::add(Dialect::Modern)).is_err());
    }
}
