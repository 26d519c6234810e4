//! References to addresses (RFC 3986, section 5.2), as far as schemas name each other by them.

/// The parts of an address without its fragment.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

/// The address, and what follows its `#`.
pub(super) fn split_fragment(reference: &str) -> (&str, &str) {
    reference.split_once('#').unwrap_or((reference, ""))
}

/// The address that a reference without a fragment leads to.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let base = split(base);
    let mut target = split(reference);
    let path;
    if target.scheme.is_none() {
        target.scheme = base.scheme;
        if target.authority.is_none() {
            target.authority = base.authority;
            if target.path.is_empty() {
                target.path = base.path;
                target.query = target.query.or(base.query);
            } else if !target.path.starts_with('/') {
                path = merge(base, target.path);
                target.path = &path;
            }
        }
    }
    write(target)
}

fn split(address: &str) -> Parts<'_> {
    let mut parts = Parts::default();
    let mut rest = address;
    if let Some((scheme, after)) = rest.split_once(':')
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        (parts.scheme, rest) = (Some(scheme), after);
    }
    if let Some((before, query)) = rest.split_once('?') {
        (rest, parts.query) = (before, Some(query));
    }
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find('/').unwrap_or(after.len());
        parts.authority = Some(&after[..end]);
        rest = &after[end..];
    }
    parts.path = rest;
    parts
}

fn merge(base: Parts<'_>, path: &str) -> String {
    if base.authority.is_some() && base.path.is_empty() {
        return format!("/{path}");
    }
    let folder = base.path.rfind('/').map_or("", |end| &base.path[..=end]);
    format!("{folder}{path}")
}

fn write(parts: Parts<'_>) -> String {
    let mut address = String::new();
    if let Some(scheme) = parts.scheme {
        address.extend([&scheme.to_ascii_lowercase(), ":"]);
    }
    if let Some(authority) = parts.authority {
        address.extend(["//", authority]);
    }
    // What follows a scheme directly, as in `urn:`, is no path of folders.
    if parts.path.starts_with('/') || parts.scheme.is_none() {
        address.push_str(&without_dots(parts.path));
    } else {
        address.push_str(parts.path);
    }
    if let Some(query) = parts.query {
        address.extend(["?", query]);
    }
    address
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                // The first is what stands before a leading slash.
                if segment == ".." && kept.last().is_some_and(|last| !last.is_empty()) {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    kept.join("/")
}

/// Undoes the percent-encoding of a fragment; `None` if that leaves no text.
pub(super) fn decode(fragment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = |digit: u8| char::from(digit).to_digit(16);
        if byte == b'%' {
            let (&[high, low], after) = rest.split_first_chunk()?;
            decoded.push(u8::try_from(hex(high)? * 16 + hex(low)?).ok()?);
            rest = after;
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_where_rfc_3986_says() {
        for (reference, address) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
        ] {
            assert_eq!(resolve("http://a/b/c/d;p?q", reference), address, "{reference}");
        }
        assert_eq!(resolve("", "item.json"), "item.json");
        assert_eq!(resolve("urn:uuid:dead-beef", ""), "urn:uuid:dead-beef");
        assert_eq!(resolve("urn:a:b", "urn:c:d"), "urn:c:d");
        assert_eq!(resolve("http://a", "b"), "http://a/b");
    }

    #[test]
    fn fragments_are_decoded() {
        assert_eq!(decode("/a%25b%2Fc").as_deref(), Some("/a%b/c"));
        assert_eq!(decode("%C3%A4").as_deref(), Some("ä"));
        for broken in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
