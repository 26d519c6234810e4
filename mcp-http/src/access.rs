//! Who may speak to the server from a browser: the allow-lists of `Host` and `Origin`.

use http::{HeaderMap, HeaderValue, Uri, header};

/// The hosts and origins that are accepted. `None` accepts all.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    hosts: Option<Vec<HostPattern>>,
    origins: Option<Vec<OriginPattern>>,
}

#[derive(Clone, Debug)]
pub(crate) struct HostPattern {
    host: Box<str>,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
pub(crate) struct OriginPattern {
    scheme: Box<str>,
    host: Box<str>,
    port: OriginPort,
}

#[derive(Clone, Copy, Debug)]
enum OriginPort {
    Any,
    /// `None` where the scheme has no default and the origin no port.
    Exactly(Option<u16>),
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Access {
    pub(crate) fn loopback() -> Self {
        Self { hosts: Some(Vec::new()), origins: Some(Vec::new()) }
    }

    pub(crate) fn allow_host(&mut self, pattern: HostPattern) {
        if let Some(hosts) = &mut self.hosts {
            hosts.push(pattern);
        }
    }

    pub(crate) fn allow_any_host(&mut self) {
        self.hosts = None;
    }

    pub(crate) fn allow_origin(&mut self, pattern: OriginPattern) {
        if let Some(origins) = &mut self.origins {
            origins.push(pattern);
        }
    }

    pub(crate) fn allow_any_origin(&mut self) {
        self.origins = None;
    }

    /// Whether a request may be served.
    ///
    /// # Errors
    ///
    /// Which header forbids it.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        if let Some(hosts) = &self.hosts {
            // An HTTP/2 request has `:authority`, an HTTP/1 request `Host`; one with both is
            // judged by both, since nobody knows which one others went by.
            let authority = uri.authority().map(http::uri::Authority::as_str);
            let named = headers.get_all(header::HOST).iter();
            if authority.is_none() && !headers.contains_key(header::HOST) {
                return Err("`Host` is missing");
            }
            let allowed = authority.is_none_or(|authority| host_allowed(hosts, authority))
                && named
                    .map(HeaderValue::to_str)
                    .all(|host| host.is_ok_and(|host| host_allowed(hosts, host)));
            if !allowed {
                return Err("`Host` names a host that this server does not serve");
            }
        }
        if !headers.get_all(header::ORIGIN).iter().all(|origin| self.allows_origin(origin)) {
            return Err("`Origin` is none that may call this server");
        }
        Ok(())
    }

    pub(crate) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        let allowed =
            |origins: &Vec<_>| origin.to_str().is_ok_and(|origin| origin_allowed(origins, origin));
        self.origins.as_ref().is_none_or(allowed)
    }
}

fn is_loopback(host: &str) -> bool {
    LOOPBACK.iter().any(|loopback| host.eq_ignore_ascii_case(loopback))
}

fn host_allowed(hosts: &[HostPattern], text: &str) -> bool {
    let Some((host, port)) = split_port(text) else {
        return false;
    };
    is_loopback(host)
        || hosts.iter().any(|pattern| {
            pattern.host.eq_ignore_ascii_case(host)
                && pattern.port.is_none_or(|allowed| port == Some(allowed))
        })
}

fn origin_allowed(origins: &[OriginPattern], text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        // `null`, among others.
        return false;
    };
    let Some((host, port)) = split_port(authority) else {
        return false;
    };
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if is_web && is_loopback(host) {
        return true;
    }
    let port = port.or_else(|| default_port(scheme));
    origins.iter().any(|pattern| {
        pattern.scheme.eq_ignore_ascii_case(scheme)
            && pattern.host.eq_ignore_ascii_case(host)
            && match pattern.port {
                OriginPort::Any => true,
                OriginPort::Exactly(allowed) => port == allowed,
            }
    })
}

/// Splits `host[:port]`; `None` if it is neither.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let name_end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(name_end);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return None;
    }
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((host, None)),
        Some("") => Some((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((host, Some(port.parse().ok()?)))
        }
        _ => None,
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else {
        None
    }
}

impl HostPattern {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = split_port(text.trim())?;
        Some(Self { host: host.into(), port })
    }
}

impl OriginPattern {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.trim().split_once("://")?;
        if scheme.is_empty() {
            return None;
        }
        let (host, port) = match authority.strip_suffix(":*") {
            Some(host) => match split_port(host)? {
                (host, None) => (host, OriginPort::Any),
                _ => return None,
            },
            None => {
                let (host, port) = split_port(authority)?;
                (host, OriginPort::Exactly(port.or_else(|| default_port(scheme))))
            }
        };
        Some(Self { scheme: scheme.into(), host: host.into(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(access: &Access, uri: &str, pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        access.check(&uri.parse().unwrap(), &headers).is_ok()
    }

    #[test]
    fn by_default_only_loopback_hosts_are_served() {
        let access = Access::loopback();
        for host in
            ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000"]
        {
            assert!(check(&access, "/mcp", &[("host", host)]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.2",
            "localhost:x",
            "localhost:99999",
            "evil@localhost",
            "localhost@evil.example",
            "localhost, evil.example",
            "[::1",
            "[::2]",
            "::1",
            "locälhost",
        ] {
            assert!(!check(&access, "/mcp", &[("host", host)]), "{host}");
        }
        assert!(!check(&access, "/mcp", &[]), "no host at all");
    }

    #[test]
    fn authority_and_host_are_both_judged() {
        let access = Access::loopback();
        assert!(check(&access, "http://localhost:8000/mcp", &[]));
        assert!(!check(&access, "http://evil.example/mcp", &[]));
        assert!(!check(&access, "http://evil.example/mcp", &[("host", "localhost")]));
        assert!(!check(&access, "http://localhost/mcp", &[("host", "evil.example")]));
        assert!(!check(&access, "/mcp", &[("host", "localhost"), ("host", "evil.example")]));
    }

    #[test]
    fn listed_hosts_are_served_on_the_listed_port_or_on_any() {
        let mut access = Access::loopback();
        access.allow_host(HostPattern::parse("mcp.example.com").unwrap());
        access.allow_host(HostPattern::parse("other.example.com:8443").unwrap());
        for (host, allowed) in [
            ("mcp.example.com", true),
            ("MCP.example.com:443", true),
            ("other.example.com:8443", true),
            ("other.example.com", false),
            ("localhost:8000", true),
        ] {
            assert_eq!(check(&access, "/", &[("host", host)]), allowed, "{host}");
        }
        access.allow_any_host();
        assert!(check(&access, "/", &[("host", "anything")]));
        assert!(check(&access, "/", &[]));
    }

    #[test]
    fn origins_other_than_loopback_have_to_be_listed() {
        let mut access = Access::loopback();
        for entry in ["https://app.example.com", "https://any.example.com:*", "app://obsidian.md"] {
            access.allow_origin(OriginPattern::parse(entry).unwrap());
        }
        for (origin, allowed) in [
            ("http://localhost:3000", true),
            ("https://127.0.0.1", true),
            ("http://[::1]:5173", true),
            ("https://app.example.com", true),
            ("https://app.example.com:443", true),
            ("https://app.example.com:8443", false),
            ("http://app.example.com", false),
            ("https://any.example.com:8443", true),
            ("app://obsidian.md", true),
            ("app://localhost", false),
            ("https://evil.example", false),
            ("https://app.example.com.evil.example", false),
            ("null", false),
            ("", false),
            ("localhost", false),
        ] {
            let headers = [("host", "localhost"), ("origin", origin)];
            assert_eq!(check(&access, "/", &headers), allowed, "{origin}");
        }
        access.allow_any_origin();
        assert!(check(&access, "/", &[("host", "localhost"), ("origin", "null")]));
    }

    #[test]
    fn entries_that_are_none_are_refused() {
        for entry in ["", "http://x", "a b", "x:y", "x:1:2", "x/y"] {
            assert!(HostPattern::parse(entry).is_none(), "{entry}");
        }
        for entry in ["", "null", "example.com", "https://", "https://x:1:*", "https://x/path"] {
            assert!(OriginPattern::parse(entry).is_none(), "{entry}");
        }
    }
}
