//! URI templates (RFC 6570, level 1): `{variable}`, simply expanded.

use std::collections::BTreeSet;

/// A template, ready to be matched against URIs.
#[derive(Debug)]
pub(crate) struct UriTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Variable(String),
}

impl UriTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// When it is no template of level 1 with at least one variable, or it is ambiguous where one
    /// variable ends and the next begins.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let Some(open) = rest.find('{') else {
                parts.push(Part::Literal(rest.to_owned()));
                break;
            };
            if open > 0 {
                parts.push(Part::Literal(rest[..open].to_owned()));
            } else if matches!(parts.last(), Some(Part::Variable(_))) {
                return Err("two variables need text between them".to_owned());
            }
            let Some(length) = rest[open..].find('}') else {
                return Err("a `{` is not closed".to_owned());
            };
            let name = &rest[open + 1..open + length];
            let is_name = !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                return Err(format!(
                    "`{{{name}}}` is no variable: only simple ones, such as `{{id}}`, are supported"
                ));
            }
            let is_known =
                parts.iter().any(|part| matches!(part, Part::Variable(known) if known == name));
            if is_known {
                return Err(format!("the variable `{name}` stands twice"));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = &rest[open + length + 1..];
        }
        for part in &parts {
            if let Part::Literal(literal) = part {
                check_characters(literal)?;
            }
        }
        match parts.first() {
            Some(Part::Literal(literal)) if has_scheme(literal) => {}
            _ => return Err("it does not begin with a scheme, such as `docs://`".to_owned()),
        }
        if !parts.iter().any(|part| matches!(part, Part::Variable(_))) {
            return Err("it has no variable: what has one URI is a `Resource`".to_owned());
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The variables' values if the URI is one of the template's, decoded.
    ///
    /// A variable takes at least one character. To take as few as possible is right: what stands
    /// between two places where the literal fits can belong to the variable on either side of it.
    pub(crate) fn values(&self, uri: &str) -> Option<Vec<(String, String)>> {
        let mut values = Vec::new();
        let mut rest = uri;
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Variable(name) => {
                    let is_last = index + 2 >= self.parts.len();
                    let end = match self.parts.get(index + 1) {
                        None => rest.len(),
                        Some(Part::Literal(next)) if is_last => {
                            rest.len().checked_sub(next.len())?
                        }
                        Some(Part::Literal(next)) => {
                            let first = rest.chars().next()?.len_utf8();
                            first + rest[first..].find(next.as_str())?
                        }
                        Some(Part::Variable(_)) => return None,
                    };
                    // Where the last literal would begin need not be where a character does.
                    values.push((name.clone(), decode(rest.get(..end)?)?));
                    rest = &rest[end..];
                }
            }
        }
        rest.is_empty().then_some(values)
    }

    /// Whether there is a URI that is one of both templates'.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.symbols(), other.symbols());
        let mut seen = BTreeSet::from([(0, 0)]);
        let mut open = vec![(0, 0)];
        while let Some((i, j)) = open.pop() {
            let (our, their) = match (ours.get(i), theirs.get(j)) {
                (None, None) => return true,
                (Some(our), Some(their)) => (*our, *their),
                _ => continue,
            };
            let meet = match (our, their) {
                (Symbol::Byte(a), Symbol::Byte(b)) => a == b,
                (Symbol::Byte(byte), Symbol::Some) | (Symbol::Some, Symbol::Byte(byte)) => {
                    is_of_value(byte)
                }
                (Symbol::Some, Symbol::Some) => true,
            };
            if !meet {
                continue;
            }
            // A variable may end here, or go on.
            let mut next = vec![(i + 1, j + 1)];
            if matches!(our, Symbol::Some) {
                next.push((i, j + 1));
            }
            if matches!(their, Symbol::Some) {
                next.push((i + 1, j));
            }
            open.extend(next.into_iter().filter(|state| seen.insert(*state)));
        }
        false
    }

    fn symbols(&self) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => symbols.extend(literal.bytes().map(Symbol::Byte)),
                Part::Variable(_) => symbols.push(Symbol::Some),
            }
        }
        symbols
    }
}

#[derive(Clone, Copy)]
enum Symbol {
    Byte(u8),
    /// One or more bytes of a variable's value.
    Some,
}

/// What a variable's value consists of before it is decoded: what RFC 6570 leaves as it is, `%`,
/// what JavaScript's `encodeURIComponent` leaves beside it, and a few that simple clients do not
/// encode. Never what separates parts of a URI.
fn is_of_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"-._~%!'()*:@$".contains(&byte)
}

fn decode(text: &str) -> Option<String> {
    if text.is_empty() || !text.bytes().all(is_of_value) {
        return None;
    }
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                high * 16 + low
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    // A hexadecimal digit is below 16.
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Whether a URI begins as one (RFC 3986, section 3.1).
pub(crate) fn has_scheme(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// What no URI has.
pub(crate) fn check_characters(text: &str) -> Result<(), String> {
    match text.chars().find(|c| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(*c)) {
        Some(wrong) => Err(format!("no URI has {wrong:?} in it")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(template: &str, uri: &str) -> Option<Vec<String>> {
        let values = UriTemplate::parse(template).unwrap().values(uri)?;
        Some(values.into_iter().map(|(_, value)| value).collect())
    }

    #[track_caller]
    fn assert_values<const N: usize>(template: &str, uri: &str, expected: [&str; N]) {
        assert_eq!(values(template, uri).as_deref(), Some(&expected.map(str::to_owned)[..]));
    }

    #[test]
    fn a_uri_gives_the_variables_values() {
        assert_values("test://template/{id}/data", "test://template/123/data", ["123"]);
        assert_values("docs://{owner}/{repo}", "docs://a/b", ["a", "b"]);
        assert_values("docs://{name}.json", "docs://a.b.json", ["a.b"]);
        assert_values("docs://{from}-{to}", "docs://a-b-c", ["a", "b-c"]);
        assert_values("search://?q={q}&page={page}", "search://?q=x&page=2", ["x", "2"]);
        assert_values("docs://{a}-{b}/{c}!", "docs://x-y-z/w!!", ["x", "y-z", "w!"]);
    }

    #[test]
    fn values_are_decoded() {
        assert_values("docs://{name}", "docs://a%20b%2Fc", ["a b/c"]);
        assert_values("docs://{name}", "docs://%C3%A9", ["é"]);
        assert_values("docs://{name}", "docs://é", ["é"]);
        assert_values("docs://{name}", "docs://it's", ["it's"]);
    }

    #[test]
    fn what_is_not_of_the_template_does_not_match() {
        for (template, uri) in [
            ("docs://{name}", "docs://"),
            ("docs://{name}", "docs://a/b"),
            ("docs://{name}", "docs://a?b"),
            ("docs://{name}", "docs://a#b"),
            ("docs://{name}", "docs://a b"),
            ("docs://{name}", "docs://%2"),
            ("docs://{name}", "docs://%zz"),
            ("docs://{name}", "docs://%ff"),
            ("docs://{name}", "other://a"),
            ("docs://{name}.json", "docs://.json"),
            ("docs://{name}/x", "docs://a/y"),
            ("docs://{name}é", "docs://éa"),
            ("docs://{name}/data", "docs://data"),
        ] {
            assert_eq!(values(template, uri), None, "{template} {uri}");
        }
    }

    #[test]
    fn a_bad_template_is_told_why() {
        for (template, reason) in [
            ("docs://{id", "not closed"),
            ("docs://{}", "is no variable"),
            ("docs://{+path}", "only simple ones"),
            ("docs://{path*}", "only simple ones"),
            ("docs://{a}{b}", "text between"),
            ("docs://{a}/{a}", "twice"),
            ("{scheme}://x", "scheme"),
            ("docs/{id}", "scheme"),
            ("docs://index", "no variable"),
            ("docs://a b/{id}", "no URI has ' '"),
            ("docs://}{id}", "no URI has '}'"),
        ] {
            let error = UriTemplate::parse(template).unwrap_err();
            assert!(error.contains(reason), "{template}: {error}");
        }
    }

    #[test]
    fn templates_overlap_if_a_uri_is_of_both() {
        for (one, other, overlap) in [
            ("docs://{a}", "docs://{b}", true),
            ("docs://{a}/x", "docs://x/{b}", true),
            ("docs://{a}.json", "docs://{b}.md", false),
            ("docs://{a}", "docs://{a}/{b}", false),
            ("docs://a{x}", "docs://{x}b", true),
            ("docs://{a}-{b}", "docs://{c}", true),
            ("docs://{a}", "other://{a}", false),
        ] {
            let parse = |text| UriTemplate::parse(text).unwrap();
            assert_eq!(parse(one).overlaps(&parse(other)), overlap, "{one} {other}");
            assert_eq!(parse(other).overlaps(&parse(one)), overlap, "{other} {one}");
        }
    }

    proptest! {
        #[test]
        fn an_expanded_template_matches_with_the_same_values(
            a in "[ -~é]{1,8}",
            b in "[ -~é]{1,8}",
        ) {
            let encode = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            assert_values("docs://{a}/{b}.json", &format!("docs://{}/{}.json", encode(&a), encode(&b)), [&a, &b]);
        }

        #[test]
        fn no_uri_panics(uri in ".{0,40}") {
            for template in ["a:{x}", "a:{x}é", "a:{x}-{y}/{z}!"] {
                let _ = values(template, &uri);
                let _ = values(template, &format!("a:{uri}"));
            }
        }
    }
}
