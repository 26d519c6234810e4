//! Regular expressions: those of ECMA-262, as JSON Schema has them, in terms of `regex-lite`.
//!
//! What takes more than linear time (look-around, backreferences) or large tables (Unicode
//! properties) does not compile.

use std::{fmt::Write as _, iter::Peekable, str::Chars};

use regex_lite::{Regex, RegexBuilder};

/// How large a compiled pattern may be, in bytes.
const MOST: usize = 1 << 20;
/// `\s` of ECMA-262, and all the rest.
const SPACE: &str =
    r"\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}";
const NO_SPACE: &str = r"\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}";

/// A pattern that text is searched for.
#[derive(Debug)]
pub(super) struct Pattern {
    text: Box<str>,
    regex: Regex,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        translate(text)
            .and_then(|translated| {
                RegexBuilder::new(&translated)
                    .size_limit(MOST)
                    .build()
                    .map_err(|error| error.to_string())
            })
            .map(|regex| Self { text: text.into(), regex })
            .map_err(|reason| format!("the pattern `{text}` cannot be used: {reason}"))
    }

    /// As the schema has it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// What an escape or a letter stands for.
enum Item {
    Character(char),
    /// Written as what stands between brackets.
    Set(&'static str),
}

struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut translation =
        Translation { rest: pattern.chars().peekable(), out: String::with_capacity(pattern.len()) };
    while let Some(letter) = translation.rest.next() {
        translation.take(letter)?;
    }
    Ok(translation.out)
}

impl Translation<'_> {
    fn take(&mut self, letter: char) -> Result<(), String> {
        match letter {
            '\\' => match self.rest.peek() {
                Some('b' | 'B') => {
                    self.out.push('\\');
                    self.out.extend(self.rest.next());
                }
                _ => match self.escape()? {
                    Item::Character(letter) => self.literal(letter),
                    Item::Set(set) => self.out.extend(["[", set, "]"]),
                },
            },
            '.' => self.out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
            '[' => self.class()?,
            '(' => self.group()?,
            '{' if self.is_repetition() => self.out.push('{'),
            '{' => self.literal('{'),
            other => self.out.push(other),
        }
        Ok(())
    }

    fn literal(&mut self, letter: char) {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() || letter.is_control() {
            // Writing to a `String` does not fail.
            let _ = write!(self.out, r"\x{{{:x}}}", u32::from(letter));
        } else {
            self.out.push(letter);
        }
    }

    /// Whether `{` is followed by one or two numbers and `}`.
    fn is_repetition(&self) -> bool {
        let mut rest = self.rest.clone();
        let mut digits = 0;
        let mut commas = 0;
        loop {
            match rest.next() {
                Some('0'..='9') => digits += 1,
                Some(',') if digits > 0 => commas += 1,
                end => return end == Some('}') && digits > 0 && commas < 2,
            }
        }
    }

    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        let mut ahead = self.rest.clone();
        if ahead.next_if_eq(&'?').is_some() {
            match (ahead.next(), ahead.next()) {
                (Some('=' | '!'), _) | (Some('<'), Some('=' | '!')) => {
                    return Err("it looks around, which may take more than linear time".into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        if self.rest.next_if_eq(&']').is_some() {
            // Nothing, or anything.
            self.out.push_str(if negated { r"[\x{0}-\x{10ffff}]" } else { r"[^\x{0}-\x{10ffff}]" });
            return Ok(());
        }
        self.out.push_str(if negated { "[^" } else { "[" });
        while self.rest.next_if_eq(&']').is_none() {
            let from = self.class_item()?;
            let mut ahead = self.rest.clone();
            let is_range =
                ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']');
            match from {
                Item::Character(letter) => self.literal(letter),
                Item::Set(set) => self.out.push_str(set),
            }
            if !is_range {
                continue;
            }
            self.rest.next();
            match (from, self.class_item()?) {
                (Item::Character(_), Item::Character(to)) => {
                    self.out.push('-');
                    self.literal(to);
                }
                (_, to) => {
                    self.literal('-');
                    match to {
                        Item::Character(to) => self.literal(to),
                        Item::Set(set) => self.out.push_str(set),
                    }
                }
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn class_item(&mut self) -> Result<Item, String> {
        match self.rest.next() {
            None => Err("a `[` has no `]`".into()),
            Some('\\') if self.rest.next_if_eq(&'b').is_some() => Ok(Item::Character('\u{8}')),
            Some('\\') => self.escape(),
            Some(letter) => Ok(Item::Character(letter)),
        }
    }

    fn escape(&mut self) -> Result<Item, String> {
        let Some(letter) = self.rest.next() else { return Err("it ends in `\\`".into()) };
        Ok(Item::Character(match letter {
            'd' => return Ok(Item::Set("0-9")),
            'D' => return Ok(Item::Set(r"\x{0}-/:-\x{10ffff}")),
            'w' => return Ok(Item::Set("0-9A-Z_a-z")),
            'W' => return Ok(Item::Set(r"\x{0}-/:-@\x{5b}-\x{5e}\x{60}\x{7b}-\x{10ffff}")),
            's' => return Ok(Item::Set(SPACE)),
            'S' => return Ok(Item::Set(NO_SPACE)),
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '0' if !self.rest.peek().is_some_and(char::is_ascii_digit) => '\0',
            'c' => match self.rest.next() {
                Some(letter) if letter.is_ascii_alphabetic() => char::from(letter as u8 % 32),
                _ => return Err(r"`\c` is followed by no letter".into()),
            },
            'x' => self.code(2).and_then(char::from_u32).ok_or(r"`\x` is no character")?,
            'u' => self.unicode().ok_or(r"`\u` is no character")?,
            'p' | 'P' => {
                return Err("properties of Unicode (`\\p`) are not supported; write the \
                            characters out, as in `[a-zà-ÿ]`"
                    .into());
            }
            '1'..='9' | 'k' => return Err("backreferences are not supported".into()),
            other if other.is_ascii_alphanumeric() => {
                return Err(format!(r"`\{other}` is no escape"));
            }
            other => other,
        }))
    }

    /// A number of hexadecimal digits.
    fn code(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0, |code, _| Some(code * 16 + self.rest.next()?.to_digit(16)?))
    }

    fn unicode(&mut self) -> Option<char> {
        if self.rest.next_if_eq(&'{').is_some() {
            let mut code: u32 = 0;
            loop {
                match self.rest.next()? {
                    '}' => return char::from_u32(code),
                    digit => code = code.checked_mul(16)?.checked_add(digit.to_digit(16)?)?,
                }
            }
        }
        let high = self.code(4)?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        self.rest.next_if_eq(&'\\')?;
        self.rest.next_if_eq(&'u')?;
        let low = self.code(4)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_ecma_262_says() {
        for (pattern, found, not_found) in [
            ("^a+$", "aaa", "baa"),
            ("a", "xay", "x"),
            (r"^\d{2,3}$", "042", "०४२"),
            (r"^\D$", "०", "4"),
            (r"^\w+$", "a_9", "é"),
            (r"^\W$", "é", "_"),
            (r"^\s$", "\u{feff}", "\u{200b}"),
            (r"^[\s]$", "\u{2003}", "a"),
            (r"^[\S]$", "\u{200b}", "\u{a0}"),
            (r"^\S$", "a", "\u{b}"),
            ("^.$", "\u{85}", "\u{2028}"),
            (r"^\/\-\.$", "/-.", "/--"),
            (r"^\cA$", "\u{1}", "A"),
            (r"^\x41\u0042\u{43}\ud83d\ude00$", "ABC😀", "ABC"),
            (r"^[\ud83d\ude00-\u{1f610}]$", "\u{1f605}", "x"),
            ("^[[&&~~]$", "[", "]"),
            (r"^[\w-.]+$", "a-.", ","),
            (r"^[\b]$", "\u{8}", "b"),
            ("^[^]$", "\n", ""),
            ("^([]|a)$", "a", "]"),
            ("^[-a]$", "-", "b"),
            ("^[a-]$", "-", "b"),
            ("^a{,2}$", "a{,2}", "aa"),
            ("^a{1,2}$", "aa", "aaa"),
            ("^{}$", "{}", ""),
            (r"^(?:a|b)(?<name>c)$", "bc", "c"),
            (r"\bfoo\b", "a foo", "afoo"),
            ("^$", "", "\n"),
            ("^a$", "a", "a\n"),
            (r"^\0$", "\0", "0"),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            assert!(pattern.is_in(found), "{pattern:?} in {found:?}");
            assert!(!pattern.is_in(not_found), "{pattern:?} in {not_found:?}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (pattern, reason) in [
            (r"^\p{L}+$", "properties of Unicode"),
            ("a(?=b)", "looks around"),
            ("(?<!a)b", "looks around"),
            (r"(a)\1", "backreferences"),
            (r"(?<x>a)\k<x>", "backreferences"),
            ("[a", "no `]`"),
            ("(a", ""),
            ("a)", ""),
            ("*", ""),
            (r"\", "ends in"),
            (r"\a", "no escape"),
            (r"\ud83d", "no character"),
            ("[b-a]", ""),
            ("((((a{1000}){1000}){1000}){1000})", ""),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(pattern) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn matching_takes_linear_time() {
        let pattern = Pattern::new("^(a+)+$").unwrap();
        assert!(!pattern.is_in(&format!("{}!", "a".repeat(100_000))));
    }
}
