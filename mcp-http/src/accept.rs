use http::{HeaderMap, header};

/// The forms of a reply that a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) json: bool,
    pub(crate) events: bool,
}

impl Accept {
    /// Nothing but JSON.
    pub(crate) const JSON: Self = Self { json: true, events: false };

    /// Reads `Accept`. No header stands for anything, as HTTP has it; a client that takes
    /// neither form gets JSON all the same, since a strange reply tells more than none.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::ACCEPT).iter().peekable();
        if values.peek().is_none() {
            return Self { json: true, events: true };
        }
        let mut accept = Self { json: false, events: false };
        for range in values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')) {
            let mut parts = range.split(';');
            let kind = parts.next().unwrap_or_default().trim();
            if parts.any(is_never) {
                continue;
            }
            let is = |known: &str| kind.eq_ignore_ascii_case(known);
            accept.json |= is("application/json") || is("*/*") || is("application/*");
            accept.events |= is("text/event-stream") || is("*/*") || is("text/*");
        }
        accept.json |= !accept.events;
        accept
    }
}

/// Whether a parameter of a media range is a weight of zero.
fn is_never(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0_f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_as_http_defines_it() {
        let json = Accept { json: true, events: false };
        let events = Accept { json: false, events: true };
        let both = Accept { json: true, events: true };
        for (text, expected) in [
            ("application/json, text/event-stream", both),
            ("text/event-stream,application/json", both),
            ("*/*", both),
            ("text/html, */*;q=0.1", both),
            ("application/json", json),
            ("Application/JSON; charset=utf-8", json),
            ("application/*", json),
            ("text/event-stream", events),
            ("text/*", events),
            ("application/json, text/event-stream;q=0", json),
            ("application/json;q=0.0, text/event-stream;q=0.5", events),
            ("text/html", json),
            ("", json),
            (";;,,=", json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, text.parse().unwrap());
            assert_eq!(Accept::of(&headers), expected, "{text}");
        }
        assert_eq!(Accept::of(&HeaderMap::new()), both);
    }

    #[test]
    fn several_accept_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, "application/json".parse().unwrap());
        headers.append(header::ACCEPT, "text/event-stream".parse().unwrap());
        assert_eq!(Accept::of(&headers), Accept { json: true, events: true });
    }
}
