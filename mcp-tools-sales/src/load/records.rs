//! Records of an RFC 4180 file, strictly.
//!
//! The `csv` crate was rejected here: it takes text after a closing quote and a quote that is never
//! closed, and either can make one record of two without a sign. It also cannot say on which line a
//! field begins.

use std::io::{self, BufRead, BufReader, Read};

/// The longest record, in bytes. A stray quote would otherwise gather the rest of the file in
/// memory.
const LONGEST_RECORD: usize = 1 << 20;

/// Reads records one by one into a buffer that they share.
#[derive(Debug)]
pub(crate) struct Records<R> {
    input: BufReader<R>,
    /// How many lines have been read.
    line: u64,
    buffer: Vec<u8>,
    fields: Vec<Field>,
}

/// A field's bytes in the buffer, without quotes, and the line it begins on.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    end: usize,
    line: u64,
}

#[derive(Debug)]
pub(crate) enum RecordError {
    Read {
        line: u64,
        error: io::Error,
    },
    /// `field` counts from 0.
    Syntax {
        line: u64,
        field: usize,
        expected: &'static str,
        found: &'static str,
    },
}

impl<R: Read> Records<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(1 << 16, input),
            line: 0,
            buffer: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Reads the next record; false at the end of the file. Blank lines are no records.
    pub(crate) fn advance(&mut self) -> Result<bool, RecordError> {
        loop {
            self.buffer.clear();
            self.fields.clear();
            if !self.read_line()? {
                return Ok(false);
            }
            if self.line == 1 {
                self.take_byte_order_mark()?;
            }
            if !matches!(self.buffer.as_slice(), b"" | b"\n" | b"\r\n") {
                self.split()?;
                return Ok(true);
            }
        }
    }

    /// How many fields the record has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The field's content. Panics unless `field < self.len()`.
    pub(crate) fn field(&self, field: usize) -> &[u8] {
        let Field { start, end, .. } = self.fields[field];
        &self.buffer[start..end]
    }

    /// The line, counted from 1, that the field begins on; for a field that is missing, the one the
    /// last begins on.
    pub(crate) fn line(&self, field: usize) -> u64 {
        self.fields.get(field).or(self.fields.last()).map_or(self.line.max(1), |field| field.line)
    }

    /// Appends one line with its end; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, RecordError> {
        let line = self.line + 1;
        let room = LONGEST_RECORD - self.buffer.len() + 1;
        let read = (&mut self.input)
            .take(room as u64)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| RecordError::Read { line, error })?;
        if read == room {
            let (line, field) =
                self.fields.last().map_or((line, 0), |open| (open.line, self.fields.len() - 1));
            return Err(RecordError::Syntax {
                line,
                field,
                expected: "a record of at most 1 MiB",
                found: "a longer one",
            });
        }
        self.line += u64::from(read > 0);
        Ok(read > 0)
    }

    fn take_byte_order_mark(&mut self) -> Result<(), RecordError> {
        if self.buffer.starts_with(b"\xEF\xBB\xBF") {
            self.buffer.drain(..3);
        }
        if self.buffer.starts_with(b"\xFF\xFE") || self.buffer.starts_with(b"\xFE\xFF") {
            return Err(RecordError::Syntax {
                line: 1,
                field: 0,
                expected: "UTF-8",
                found: "UTF-16",
            });
        }
        Ok(())
    }

    /// Cuts the line in the buffer into fields, reading further lines while a quote is open.
    fn split(&mut self) -> Result<(), RecordError> {
        let mut at = 0;
        loop {
            self.fields.push(Field { start: at, end: at, line: self.line });
            at = if self.buffer.get(at) == Some(&b'"') {
                self.quoted(at)?
            } else {
                self.unquoted(at)?
            };
            match self.buffer[at..] {
                [b',', ..] => at += 1,
                [] | [b'\n'] | [b'\r', b'\n'] => return Ok(()),
                [b'\r', ..] => {
                    return Err(
                        self.syntax("a line to end in LF or CRLF", "a carriage return on its own")
                    );
                }
                [b'"', ..] => {
                    return Err(self.syntax(
                        "a field that holds quotes to be quoted",
                        "a quote inside a plain field",
                    ));
                }
                _ => {
                    return Err(self.syntax(
                        "a comma or the end of the line after a closing quote",
                        "more text",
                    ));
                }
            }
        }
    }

    /// Passes over a plain field; the position of the first byte that cannot be part of it.
    fn unquoted(&mut self, start: usize) -> Result<usize, RecordError> {
        let rest = &self.buffer[start..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'\n' | b'\r' | b'"'))
            .unwrap_or(rest.len());
        if let Some(field) = self.fields.last_mut() {
            field.end = start + length;
        }
        Ok(start + length)
    }

    /// Passes over a quoted field, closing the gaps that its doubled quotes leave; the position
    /// after it.
    fn quoted(&mut self, start: usize) -> Result<usize, RecordError> {
        let (mut from, mut to) = (start + 1, start);
        loop {
            match self.buffer[from..] {
                [] => {
                    if !self.read_line()? {
                        return Err(self.syntax("a closing quote", "the end of the file"));
                    }
                    continue;
                }
                [b'"', b'"', ..] => from += 1,
                [b'"', ..] => break,
                _ => {}
            }
            self.buffer[to] = self.buffer[from];
            from += 1;
            to += 1;
        }
        if let Some(field) = self.fields.last_mut() {
            field.end = to;
        }
        Ok(from + 1)
    }

    /// A mistake in the field that is being read.
    fn syntax(&self, expected: &'static str, found: &'static str) -> RecordError {
        let field = self.fields.len().saturating_sub(1);
        RecordError::Syntax { line: self.line(field), field, expected, found }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parsed = Vec<(u64, Vec<Vec<u8>>)>;

    fn parse(text: &[u8]) -> Result<Parsed, String> {
        let mut records = Records::new(text);
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
    fn lines_end_in_lf_crlf_or_the_file() {
        let expected = Ok(vec![record(1, &["a", "b"]), record(2, &["c", ""])]);
        assert_eq!(parse(b"a,b\nc,\n"), expected);
        assert_eq!(parse(b"a,b\r\nc,"), expected);
        assert_eq!(parse(b"\xEF\xBB\xBFa,b\r\nc,\r\n"), expected);
    }

    #[test]
    fn quoted_fields_keep_commas_quotes_and_newlines() {
        assert_eq!(parse(b"\"a,\"\"b\"\"\",\"\"\n"), Ok(vec![record(1, &["a,\"b\"", ""])]));
        assert_eq!(
            parse(b"\"1\r\n2\n\n\",x\n\ny,z"),
            Ok(vec![record(1, &["1\r\n2\n\n", "x"]), record(6, &["y", "z"])])
        );
    }

    #[test]
    fn blank_lines_count_but_are_no_records() {
        assert_eq!(parse(b"\n\r\na\n\n\nb\n\n"), Ok(vec![record(3, &["a"]), record(6, &["b"])]));
        assert_eq!(parse(b""), Ok(vec![]));
        assert_eq!(parse(b"\xEF\xBB\xBF"), Ok(vec![]));
    }

    #[test]
    fn a_field_knows_the_line_it_begins_on() {
        let mut records = Records::new(&b"\"a\n\n\",\"b\n\",c\n"[..]);
        assert!(records.advance().expect("a record"));
        assert_eq!((0..4).map(|field| records.line(field)).collect::<Vec<_>>(), [1, 3, 4, 4]);
    }

    #[test]
    fn a_record_over_one_mib_is_refused_where_its_quote_opens() {
        let mut text = b"a\nb,\"".to_vec();
        text.resize(3 << 20, b'\n');
        let error = parse(&text).expect_err("too long");
        assert!(
            error.contains("line: 2, field: 1, expected: \"a record of at most 1 MiB\""),
            "{error}"
        );
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
