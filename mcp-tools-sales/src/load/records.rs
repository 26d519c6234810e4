//! Records of RFC 4180 text, strictly.
//!
//! The `csv` crate was rejected here: it takes text after a closing quote and a quote that is never
//! closed, and either can make one record of two without a sign. It also cannot say on which line a
//! field begins.

use std::str::Utf8Error;

/// The longest record, in bytes: a field of a million characters has room. A stray quote would
/// otherwise gather the rest of the file in memory.
pub(super) const LONGEST_RECORD: usize = 8 << 20;

/// Cuts text into records, one by one, and records into fields.
#[derive(Debug)]
pub(super) struct Records<'a> {
    text: &'a [u8],
    /// The same, if all of it is UTF-8.
    utf_8: Option<&'a str>,
    /// Where the next record begins.
    at: usize,
    /// The line that `at` is on, counted from 1.
    line: u64,
    /// The line that the record begins on.
    first_line: u64,
    fields: Vec<Field>,
    /// Contents of the quoted fields that had doubled quotes.
    unquoted: Vec<u8>,
    /// Where the bytes that `marks` is of begin; beyond the text before the first are looked at.
    window: usize,
    /// Which of those bytes can end a plain field: a bit each, the lowest first.
    marks: u64,
    delimiter: u8,
}

/// So many bytes are looked at together.
const WINDOW: usize = u64::BITS as usize;

/// Where a field's content is, and the line that it begins on.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    end: usize,
    line: u64,
    /// Whether the content is in `unquoted`, not in the text.
    copied: bool,
}

/// A mistake in how a record is written. Nothing after it can be read.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: u64,
    /// Counted from 0.
    pub(super) field: usize,
    pub(super) expected: &'static str,
    pub(super) found: &'static str,
}

impl<'a> Records<'a> {
    /// Reads text that begins with a record.
    pub(super) fn new(text: &'a [u8], delimiter: u8) -> Self {
        Self {
            text,
            // All at once is several times as fast as field by field.
            utf_8: str::from_utf8(text).ok(),
            at: 0,
            line: 1,
            first_line: 1,
            fields: Vec::new(),
            unquoted: Vec::new(),
            window: usize::MAX,
            marks: 0,
            delimiter,
        }
    }

    /// Reads the next record; false at the end of the text. Blank lines are no records.
    pub(super) fn advance(&mut self) -> Result<bool, SyntaxError> {
        self.fields.clear();
        self.unquoted.clear();
        loop {
            match self.text[self.at..] {
                [] => return Ok(false),
                [b'\n', ..] => self.at += 1,
                [b'\r', b'\n', ..] => self.at += 2,
                _ => break,
            }
            self.line += 1;
        }
        self.first_line = self.line;
        let start = self.at;
        loop {
            let (at, line) = (self.at, self.line);
            if self.text.get(at) == Some(&b'"') {
                self.fields.push(Field { start: at, end: at, line, copied: false });
                self.quoted(start)?;
            } else {
                self.plain();
                self.fields.push(Field { start: at, end: self.at, line, copied: false });
            }
            if self.at - start > LONGEST_RECORD {
                return Err(self.too_long());
            }
            let after = self.text.get(self.at).copied();
            match after {
                Some(byte) if byte == self.delimiter => self.at += 1,
                None => return Ok(true),
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                    return Ok(true);
                }
                Some(b'\r') if self.text.get(self.at + 1) == Some(&b'\n') => {
                    self.at += 2;
                    self.line += 1;
                    return Ok(true);
                }
                Some(b'\r') => {
                    return Err(
                        self.syntax("a line to end in LF or CRLF", "a carriage return on its own")
                    );
                }
                Some(b'"') => {
                    return Err(self.syntax(
                        "a field that holds quotes to be quoted",
                        "a quote inside a plain field",
                    ));
                }
                Some(_) => {
                    return Err(
                        self.syntax("the end of the field after a closing quote", "more text")
                    );
                }
            }
        }
    }

    /// How many fields the record has.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The field's content. Panics unless `field < self.len()`.
    pub(super) fn field(&self, field: usize) -> &[u8] {
        let Field { start, end, copied, .. } = self.fields[field];
        if copied { &self.unquoted[start..end] } else { &self.text[start..end] }
    }

    /// The same, if it is UTF-8.
    pub(super) fn text(&self, field: usize) -> Result<&str, Utf8Error> {
        let Field { start, end, copied, .. } = self.fields[field];
        match self.utf_8.filter(|_| !copied).and_then(|text| text.get(start..end)) {
            Some(text) => Ok(text),
            None => str::from_utf8(self.field(field)),
        }
    }

    /// The line, counted from 1, that the field begins on; for a field that is missing, the one the
    /// last begins on.
    pub(super) fn line(&self, field: usize) -> u64 {
        self.fields.get(field).or(self.fields.last()).map_or(self.line, |field| field.line)
    }

    /// How many lines have been read.
    pub(super) fn lines(&self) -> u64 {
        self.line - 1
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Passes over a plain field.
    fn plain(&mut self) {
        let mut window = self.at - self.at % WINDOW;
        if window != self.window {
            self.look_at(window);
        }
        let mut marks = self.marks & (u64::MAX << (self.at % WINDOW));
        while marks == 0 {
            window += WINDOW;
            if window >= self.text.len() {
                break;
            }
            self.look_at(window);
            marks = self.marks;
        }
        // Without a mark there are as many zeros as bytes.
        self.at = (window + marks.trailing_zeros() as usize).min(self.text.len());
    }

    fn look_at(&mut self, window: usize) {
        let rest = &self.text[window..];
        self.window = window;
        self.marks = match rest.first_chunk() {
            Some(bytes) => marks(bytes, self.delimiter),
            None => {
                let mut bytes = [0; WINDOW];
                bytes[..rest.len()].copy_from_slice(rest);
                marks(&bytes, self.delimiter)
            }
        };
    }

    /// Passes over a quoted field of the record that begins at `record`.
    fn quoted(&mut self, record: usize) -> Result<(), SyntaxError> {
        let start = self.at + 1;
        let mut copied = None;
        // Where what is not copied yet begins.
        let mut rest = start;
        let mut at = start;
        let end = loop {
            let Some(length) = memchr::memchr(b'"', &self.text[at..]) else {
                let long = self.text.len() - record > LONGEST_RECORD;
                return Err(if long {
                    self.too_long()
                } else {
                    self.syntax("a closing quote", "the end of the file")
                });
            };
            at += length;
            if self.text.get(at + 1) != Some(&b'"') {
                break at;
            }
            copied.get_or_insert(self.unquoted.len());
            self.unquoted.extend_from_slice(&self.text[rest..=at]);
            at += 2;
            rest = at;
        };
        self.line += memchr::memchr_iter(b'\n', &self.text[start..end]).count() as u64;
        if copied.is_some() {
            self.unquoted.extend_from_slice(&self.text[rest..end]);
        }
        self.at = end + 1;
        let length = self.unquoted.len();
        if let Some(field) = self.fields.last_mut() {
            (field.start, field.end, field.copied) = match copied {
                Some(start) => (start, length, true),
                None => (start, end, false),
            };
        }
        Ok(())
    }

    fn too_long(&self) -> SyntaxError {
        SyntaxError {
            line: self.first_line,
            field: 0,
            expected: "a record of at most 8 MiB",
            found: "a longer one, or a quote that is never closed",
        }
    }

    /// A mistake in the field that is being read.
    fn syntax(&self, expected: &'static str, found: &'static str) -> SyntaxError {
        let field = self.fields.len().saturating_sub(1);
        SyntaxError { line: self.line(field), field, expected, found }
    }
}

/// Which bytes can end a plain field.
fn marks(bytes: &[u8; WINDOW], delimiter: u8) -> u64 {
    const EIGHT: usize = size_of::<u64>();
    // Gathers the lowest bits of eight bytes in the highest byte, the first byte's lowest.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let is_mark = |byte: u8| {
        u8::from(byte == delimiter)
            | u8::from(byte == b'\n')
            | u8::from(byte == b'\r')
            | u8::from(byte == b'"')
    };
    // All at once, with the processor's vectors.
    let ones = bytes.map(is_mark);
    let mut marks = 0;
    for (place, ones) in ones.as_chunks::<EIGHT>().0.iter().enumerate() {
        marks |= (u64::from_le_bytes(*ones).wrapping_mul(GATHER) >> 56) << (place * EIGHT);
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parsed = Vec<(u64, Vec<Vec<u8>>)>;

    fn parse(text: &[u8]) -> Result<Parsed, String> {
        let mut records = Records::new(text, b',');
        let mut parsed = Vec::new();
        while records.advance().map_err(|error| format!("{error:?}"))? {
            let fields = (0..records.len()).map(|field| records.field(field).to_vec()).collect();
            parsed.push((records.line(0), fields));
        }
        Ok(parsed)
    }

    fn record(line: u64, fields: &[&str]) -> (u64, Vec<Vec<u8>>) {
        (line, fields.iter().map(|field| field.as_bytes().to_vec()).collect())
    }

    #[test]
    fn lines_end_in_lf_crlf_or_the_text() {
        let expected = Ok(vec![record(1, &["a", "b"]), record(2, &["c", ""])]);
        assert_eq!(parse(b"a,b\nc,\n"), expected);
        assert_eq!(parse(b"a,b\r\nc,"), expected);
    }

    #[test]
    fn quoted_fields_keep_commas_quotes_and_newlines() {
        assert_eq!(parse(b"\"a,\"\"b\"\"\",\"\"\n"), Ok(vec![record(1, &["a,\"b\"", ""])]));
        assert_eq!(parse(b"\"\"\"\",\"\"\"\"\"\""), Ok(vec![record(1, &["\"", "\"\""])]));
        assert_eq!(
            parse(b"\"1\r\n2\n\n\",x\n\ny,z"),
            Ok(vec![record(1, &["1\r\n2\n\n", "x"]), record(6, &["y", "z"])])
        );
    }

    #[test]
    fn blank_lines_count_but_are_no_records() {
        assert_eq!(parse(b"\n\r\na\n\n\nb\n\n"), Ok(vec![record(3, &["a"]), record(6, &["b"])]));
        assert_eq!(parse(b""), Ok(vec![]));
    }

    #[test]
    fn a_field_knows_the_line_it_begins_on() {
        let mut records = Records::new(b"\"a\n\n\",\"b\n\",c\n", b',');
        assert!(records.advance().expect("a record"));
        assert_eq!((0..4).map(|field| records.line(field)).collect::<Vec<_>>(), [1, 3, 4, 4]);
    }

    #[test]
    fn a_record_over_eight_mib_is_refused_where_it_begins() {
        let mut text = b"a\nb,\"".to_vec();
        text.resize(LONGEST_RECORD + 100, b'\n');
        let error = parse(&text).expect_err("too long");
        assert!(error.contains("line: 2, field: 0, expected: \"a record of at most 8 MiB\""));
        assert!(parse(&vec![b'x'; LONGEST_RECORD]).is_ok());
        assert!(parse(&vec![b'x'; LONGEST_RECORD + 1]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(prop::sample::select(b"a1,\"\n\r\xEF\xBB\xBF\xFF\xFE".to_vec()), 0..200)) {
            let _ = parse(&bytes);
        }

        /// What the `csv` crate writes, this reads back: the two agree on well-formed files.
        #[test]
        fn written_records_are_read_back(rows in prop::collection::vec(prop::collection::vec("[a\",\r\n é]{0,6}", 2..4), 0..6)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).expect("written to memory");
            }
            let parsed = parse(&writer.into_inner().expect("written to memory")).expect("well formed");
            let fields: Vec<Vec<Vec<u8>>> = parsed.into_iter().map(|(_, fields)| fields).collect();
            let rows: Vec<Vec<Vec<u8>>> = rows.into_iter().map(|row| row.into_iter().map(String::into_bytes).collect()).collect();
            prop_assert_eq!(fields, rows);
        }
    }
}
