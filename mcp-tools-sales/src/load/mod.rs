//! From CSV to a store: all of the file, or the first mistake in it.

use std::io::Read;

use crate::{
    Date, LoadError, Money, Names, ParseMoneyError, SalesStore,
    store::{Codes, Columns},
};

mod records;

use self::records::{RecordError, Records};

const COLUMNS: [&str; 6] = ["date", "product", "category", "operation", "units", "revenue"];

/// A value that is longer than this, in characters, is shown shortened in an error.
const SHOWN: usize = 60;

/// A file being read.
struct Source<R> {
    name: String,
    records: Records<R>,
    /// The header's names, as written.
    header: Vec<String>,
}

/// What a value should have been; what was found is in the record.
type Mistake = &'static str;

pub(crate) fn load(name: String, reader: impl Read) -> Result<SalesStore, LoadError> {
    let mut source = Source { name, records: Records::new(reader), header: Vec::new() };
    let [date, product, category, operation, units, revenue] = source.header()?;
    let (mut products, mut categories, mut operations) =
        (Names::default(), Names::default(), Names::default());
    let mut rows = Columns::default();
    let mut codes = [(); 3].map(|()| Vec::new());
    let mut absolute = 0_i64;
    while source.record()? {
        rows.date.push(source.value(date, parse_date)?);
        codes[0].push(source.value(product, |text| encode(&mut products, text))?);
        codes[1].push(source.value(category, |text| encode(&mut categories, text))?);
        codes[2].push(source.value(operation, |text| encode(&mut operations, text))?);
        rows.units.push(source.value(units, parse_units)?);
        rows.revenue.push(source.value(revenue, |text| {
            let amount: Money = text.parse().map_err(ParseMoneyError::expected)?;
            let total = absolute.checked_add(amount.ten_thousandths().abs());
            absolute = total.ok_or(
                "the file's revenue to add up, ignoring signs, to at most 922337203685477.5807",
            )?;
            Ok(amount)
        })?);
        if u32::try_from(rows.date.len()).is_err() {
            return Err(source.mistake(date, "at most 4294967295 order lines", "more"));
        }
    }
    if rows.date.is_empty() {
        return Err(source.end("at least one order line after the header", "none"));
    }
    let [products_, categories_, operations_] = codes.map(Codes::Each);
    rows.names = [products_, categories_, operations_, Codes::One];
    let names = [products, categories, operations, Names::default()];
    Ok(SalesStore::new(source.name, rows, names, (0, Vec::new())))
}

fn parse_date(text: &str) -> Result<Date, Mistake> {
    text.parse().map_err(|_| "a date as yyyy-mm-dd, such as 2017-12-31")
}

fn parse_units(text: &str) -> Result<i32, Mistake> {
    const EXPECTED: Mistake = "a whole number from -2147483648 to 2147483647";
    if text.starts_with('+') { Err(EXPECTED) } else { text.parse().map_err(|_| EXPECTED) }
}

fn encode(names: &mut Names, text: &str) -> Result<u32, Mistake> {
    if text.is_empty() {
        return Err("a name");
    }
    names.add(text, 0).ok_or("at most 4294967296 distinct names")
}

impl<R: Read> Source<R> {
    /// Reads the header: where each of [`COLUMNS`] is.
    fn header(&mut self) -> Result<[usize; COLUMNS.len()], LoadError> {
        if !self.advance()? {
            return Err(self.end(
                format!("a header with the columns {}", COLUMNS.join(", ")),
                "an empty file",
            ));
        }
        for field in 0..self.records.len() {
            let name = self.text(field)?.to_owned();
            self.header.push(name);
        }
        let mut places = [0; COLUMNS.len()];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            let mut found = (0..self.header.len())
                .filter(|&field| self.header[field].eq_ignore_ascii_case(column));
            *place = found.next().ok_or_else(|| {
                let expected = format!("a header with the columns {}", COLUMNS.join(", "));
                let found = format!("no {column} in {}", shown(&self.header.join(",")));
                LoadError::data(
                    &self.name,
                    self.records.line(0),
                    column.to_owned(),
                    expected,
                    found,
                )
            })?;
            if let Some(second) = found.next() {
                let first = *place + 1;
                return Err(self.mistake(
                    second,
                    "each column once",
                    format!("{column} again after column {first}"),
                ));
            }
        }
        Ok(places)
    }

    /// Reads the next order line, which must have the header's number of fields; false at the end.
    fn record(&mut self) -> Result<bool, LoadError> {
        if !self.advance()? {
            return Ok(false);
        }
        let (expected, found) = (self.header.len(), self.records.len());
        if found == expected {
            return Ok(true);
        }
        Err(self.mistake(
            expected.min(found),
            format!("{expected} fields as in the header"),
            found.to_string(),
        ))
    }

    fn advance(&mut self) -> Result<bool, LoadError> {
        self.records.advance().map_err(|error| match error {
            RecordError::Read { line, error } => LoadError::io(&self.name, Some(line), error),
            RecordError::Syntax { line, field, expected, found } => {
                LoadError::data(&self.name, line, self.column(field), expected, found)
            }
        })
    }

    /// The field's text without space around it.
    fn text(&self, field: usize) -> Result<&str, LoadError> {
        match str::from_utf8(self.records.field(field)) {
            Ok(text) => Ok(text.trim()),
            Err(_) => Err(self.mistake(
                field,
                "UTF-8",
                shown(&String::from_utf8_lossy(self.records.field(field))),
            )),
        }
    }

    fn value<T>(
        &self,
        field: usize,
        parse: impl FnOnce(&str) -> Result<T, Mistake>,
    ) -> Result<T, LoadError> {
        let text = self.text(field)?;
        parse(text).map_err(|expected| {
            let found = if text.is_empty() { "an empty field".to_owned() } else { shown(text) };
            self.mistake(field, expected, found)
        })
    }

    /// A mistake in a field of the record that was read last, or in one that it lacks.
    fn mistake(
        &self,
        field: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> LoadError {
        LoadError::data(&self.name, self.records.line(field), self.column(field), expected, found)
    }

    /// A mistake that shows at the end of the file.
    fn end(&self, expected: impl Into<String>, found: impl Into<String>) -> LoadError {
        LoadError::data(&self.name, self.records.line(0), None, expected, found)
    }

    /// The number of a column, counted from 1, and its name if the header gives one.
    fn column(&self, field: usize) -> String {
        let number = field + 1;
        match self.header.get(field) {
            Some(name) if !name.is_empty() => format!("{number} ({name})"),
            _ => number.to_string(),
        }
    }
}

/// A text as an error shows it: quoted, escaped, and not too long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
