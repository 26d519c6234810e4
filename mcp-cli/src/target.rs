use std::{fmt, str::FromStr};

/// Where a server is, as its user writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A program that speaks on its standard streams.
    Command(Vec<String>),
    /// Streamable HTTP.
    Http(String),
    /// HTTP+SSE, the transport of 2024-11-05.
    HttpSse(String),
    WebSocket(String),
    /// A function of AWS Lambda, invoked directly: its name or ARN, with a version or an alias where
    /// one is meant.
    Lambda(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(url) = text.strip_prefix("sse:") {
            return match scheme(url) {
                Some("http" | "https") => Ok(Self::HttpSse(url.to_owned())),
                _ => Err("`sse:` is followed by the URL of the event stream, such as \
                          sse:http://127.0.0.1:8000/sse"
                    .to_owned()),
            };
        }
        if let Some(rest) = text.strip_prefix("ssh:") {
            return ssh(rest);
        }
        if let Some(function) = text.strip_prefix("lambda:") {
            return match is_function(function) {
                true => Ok(Self::Lambda(function.to_owned())),
                false => Err("`lambda:` is followed by a function's name or ARN, such as \
                              lambda:sales or lambda:sales:live"
                    .to_owned()),
            };
        }
        match scheme(text) {
            Some("http" | "https") if path(text).ends_with("/sse") => {
                Ok(Self::HttpSse(text.to_owned()))
            }
            Some("http" | "https") => Ok(Self::Http(text.to_owned())),
            Some("ws" | "wss") => Ok(Self::WebSocket(text.to_owned())),
            Some(other) => Err(format!(
                "`{other}://` is not spoken; a server has an address that begins with http://, \
                 https://, ws:// or wss://"
            )),
            None => command(text).map(Self::Command),
        }
    }
}

impl fmt::Display for Target {
    /// Without what may be secret: a URL's user and query, a program's arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => f.write_str(&words[0]),
            Self::Lambda(function) => write!(f, "lambda:{function}"),
            Self::Http(url) | Self::HttpSse(url) | Self::WebSocket(url) => {
                let url = url.split(['?', '#']).next().unwrap_or_default();
                let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
                let (authority, path) = match rest.find('/') {
                    Some(slash) => rest.split_at(slash),
                    None => (rest, ""),
                };
                let host = authority.rsplit('@').next().unwrap_or_default();
                write!(f, "{scheme}://{host}{path}")
            }
        }
    }
}

/// What stands before `://`, where that is a scheme.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_scheme = scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+');
    is_scheme.then_some(scheme)
}

/// Whether Lambda takes a text as a function's name.
fn is_function(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_:$".contains(c);
    (1..=170).contains(&text.len()) && text.chars().all(is_allowed)
}

fn path(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn command(text: &str) -> Result<Vec<String>, String> {
    let words =
        shell_words::split(text).map_err(|_| format!("a quote is not closed in {text:?}"))?;
    if words.is_empty() {
        return Err("name a server: a command, or a URL".to_owned());
    }
    Ok(words)
}

/// `HOST COMMAND…`, which the remote shell splits once more.
fn ssh(rest: &str) -> Result<Target, String> {
    let (host, command) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    if host.is_empty() || host.starts_with('-') {
        return Err("`ssh:` is followed by a host and a command, such as \
                    \"ssh:ec2-user@host sales-server stdio\""
            .to_owned());
    }
    let mut words = vec!["ssh".to_owned(), "-T".to_owned(), host.to_owned()];
    // Without a command the host's forced command is the server.
    if !command.trim().is_empty() {
        words.push(command.trim().to_owned());
    }
    Ok(Target::Command(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Target {
        Target::Command(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn an_address_tells_its_transport() {
        let parse = |text: &str| text.parse::<Target>().expect("a target");
        let url = "http://127.0.0.1:8000/mcp";
        assert_eq!(parse(url), Target::Http(url.into()));
        assert_eq!(parse("https://host/sse?x=1"), Target::HttpSse("https://host/sse?x=1".into()));
        assert_eq!(parse("sse:http://host/events"), Target::HttpSse("http://host/events".into()));
        assert_eq!(parse("wss://host/ws"), Target::WebSocket("wss://host/ws".into()));
        assert_eq!(parse("lambda:sales:live"), Target::Lambda("sales:live".into()));
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:sales";
        assert_eq!(parse(&format!("lambda:{arn}")), Target::Lambda(arn.into()));
        assert_eq!(parse("'my server' stdio"), words(&["my server", "stdio"]));
        assert_eq!(parse("ssh:ec2-user@host"), words(&["ssh", "-T", "ec2-user@host"]));
        assert_eq!(
            parse("ssh:host DATA='a b' server stdio"),
            words(&["ssh", "-T", "host", "DATA='a b' server stdio"])
        );
    }

    #[test]
    fn what_is_no_address_is_explained() {
        for (text, part) in [
            ("", "name a server"),
            ("ftp://host", "`ftp://` is not spoken"),
            ("'open", "quote"),
            ("sse:host", "URL of the event stream"),
            ("lambda:", "a function's name"),
            ("lambda:a b", "a function's name"),
            ("ssh:", "a host and a command"),
            ("ssh:-oProxyCommand=evil", "a host and a command"),
        ] {
            let error = text.parse::<Target>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let shown = |text: &str| text.parse::<Target>().expect("a target").to_string();
        assert_eq!(shown("https://user:secret@host:8443/mcp?key=secret"), "https://host:8443/mcp");
        assert_eq!(shown("server --password=secret"), "server");
    }
}
