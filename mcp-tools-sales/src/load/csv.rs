//! CSV, read block by block on all processors.

use std::{
    io::{self, Read},
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use super::{
    blocks::Blocks,
    format::{Field, SalesFormat},
    part::{Dictionaries, Loading, Part},
    records::{Records, SyntaxError},
    values::{self, Dates, Mistake},
};
use crate::{DataColumn, Dimension, LoadError, Money};

/// A value that is longer than this, in characters, is shown shortened in an error.
const SHOWN: usize = 60;

/// What the header of a file says.
#[derive(Clone, Debug)]
struct Header {
    /// The names, as written.
    names: Vec<String>,
    /// How many lines it and what is before it take.
    lines: u64,
    date: usize,
    dimensions: [Option<usize>; Dimension::ALL.len()],
    order: Option<usize>,
    units: usize,
    amount: Amount,
    returns: Option<usize>,
}

/// Where the revenue of a line comes from.
#[derive(Clone, Copy, Debug)]
enum Amount {
    Revenue(usize),
    /// It is units times this.
    UnitPrice(usize),
}

/// A block, with its number.
type Numbered = (usize, Vec<u8>);

/// Reads a file: its parts in order, each with the number of the thread that read it. `first` is
/// how many threads' dictionaries there are already.
pub(super) fn read(
    name: &str,
    format: &SalesFormat,
    input: impl Read,
    loading: &mut Loading,
) -> Result<Vec<(usize, Part)>, LoadError> {
    let mut blocks = Blocks::new(input);
    let io = |error| LoadError::io(name, None, error);
    let mut first = blocks.next().map_err(io)?.unwrap_or_default();
    if first.starts_with(b"\xEF\xBB\xBF") {
        first.drain(..3);
    }
    if first.starts_with(b"\xFF\xFE") || first.starts_with(b"\xFE\xFF") {
        return Err(LoadError::data(name, 1, "1".to_owned(), "UTF-8", "UTF-16"));
    }
    let mut records = Records::new(&first, format.delimiter.0);
    let header = Header::read(name, format, &mut records)?;
    let start = records.position();
    first.drain(..start);

    let source = Source { name, format, header: &header };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    // No more threads than there are blocks: most files are small.
    let second = blocks.next().map_err(io)?;
    let threads = if second.is_some() { threads } else { 1 };
    let dictionaries = loading.file(threads, || header.describe(format));
    if threads == 1 {
        let part = source
            .block(&first, &mut dictionaries[0])
            .map_err(|error| error.after(header.lines))?;
        return Ok(vec![(0, with_lines(part, header.lines))]);
    }
    let first = [Ok((0, first)), Ok((1, second.unwrap_or_default()))];
    let rest = (2..).map_while(|number| match blocks.next() {
        Ok(block) => block.map(|block| Ok((number, block))),
        Err(error) => Some(Err(error)),
    });
    source.side_by_side(first.into_iter().chain(rest), dictionaries)
}

fn with_lines(mut part: Part, before: u64) -> Part {
    for fault in &mut part.faults {
        fault.move_by(before);
    }
    part.lines += before;
    part
}

/// A file that is being read.
#[derive(Clone, Copy)]
struct Source<'a> {
    name: &'a str,
    format: &'a SalesFormat,
    header: &'a Header,
}

impl Source<'_> {
    fn side_by_side(
        self,
        blocks: impl Iterator<Item = io::Result<Numbered>>,
        dictionaries: &mut [Dictionaries],
    ) -> Result<Vec<(usize, Part)>, LoadError> {
        // The number of the first block with a mistake: those after it need not be read.
        let stop = AtomicUsize::new(usize::MAX);
        let (send, receive) = mpsc::sync_channel::<Numbered>(dictionaries.len());
        let receive = Mutex::new(receive);
        let next = || receive.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        let (mut read, failed) = thread::scope(|scope| {
            let workers: Vec<_> = dictionaries
                .iter_mut()
                .enumerate()
                .map(|(thread, dictionaries)| {
                    let (next, stop) = (&next, &stop);
                    scope.spawn(move || {
                        let mut read = Vec::new();
                        while let Some((number, block)) = next() {
                            if number > stop.load(Ordering::Relaxed) {
                                continue;
                            }
                            let part = self.block(&block, dictionaries);
                            if part.is_err() {
                                stop.fetch_min(number, Ordering::Relaxed);
                            }
                            read.push((number, thread, part));
                        }
                        read
                    })
                })
                .collect();
            let mut failed = None;
            for block in blocks {
                match block {
                    Ok(block) if stop.load(Ordering::Relaxed) == usize::MAX => {
                        // The workers outlive this.
                        let _ = send.send(block);
                    }
                    Ok(_) => break,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            drop(send);
            let mut read = Vec::new();
            for worker in workers {
                match worker.join() {
                    Ok(mut parts) => read.append(&mut parts),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            (read, failed)
        });
        read.sort_unstable_by_key(|(number, _, _)| *number);
        let mut parts = Vec::with_capacity(read.len());
        let mut lines = self.header.lines;
        for (_, thread, part) in read {
            let mut part = part.map_err(|error| error.after(lines))?;
            part.faults.iter_mut().for_each(|fault| fault.move_by(lines));
            lines += part.lines;
            parts.push((thread, part));
        }
        match failed {
            Some(error) => Err(LoadError::io(self.name, Some(lines + 1), error)),
            None => Ok(parts),
        }
    }

    /// Reads whole records. Lines count from the block's first.
    fn block(self, text: &[u8], dictionaries: &mut Dictionaries) -> Result<Part, LoadError> {
        let mut part = Part::default();
        let mut dates = Dates::new(self.format);
        let mut records = Records::new(text, self.format.delimiter.0);
        // About forty bytes a line are usual; what is too much is given back when parts are joined.
        part.date.reserve(text.len() / 64);
        while records.advance().map_err(|error| self.syntax(error))? {
            if let Err(error) = self.record(&records, &mut dates, dictionaries, &mut part) {
                part.fault(self.format, error)?;
            }
        }
        part.lines = memchr::memchr_iter(b'\n', text).count() as u64;
        Ok(part)
    }

    fn record(
        self,
        records: &Records<'_>,
        dates: &mut Dates<'_>,
        dictionaries: &mut Dictionaries,
        part: &mut Part,
    ) -> Result<(), LoadError> {
        let header = self.header;
        let (expected, found) = (header.names.len(), records.len());
        if found != expected {
            return Err(self.mistake(
                records,
                expected.min(found),
                format!("{expected} fields as in the header"),
                found.to_string(),
            ));
        }
        let date = self.value(records, header.date, |text| dates.parse(text))?;
        let mut units = self.value(records, header.units, values::units)?;
        let decimal = self.format.decimal;
        let (amount_field, mut amount) = match header.amount {
            Amount::Revenue(field) => {
                (field, self.value(records, field, |text| values::money(text, decimal))?)
            }
            Amount::UnitPrice(field) => (
                field,
                self.value(records, field, |text| {
                    values::money(text, decimal).and_then(|price| values::amount(units, price))
                })?,
            ),
        };
        if let Some(field) = header.returns
            && let Some(returns) = &self.format.returns
        {
            let kind = self.text(records, field)?;
            if returns.values.iter().any(|value| value == kind) {
                units = -(units.saturating_abs());
                amount = Money::from_steps(-amount.ten_thousandths().abs());
            }
        }
        // All names are looked at before any is kept.
        let mut names = [None; Dimension::ALL.len()];
        for (dimension, field) in Dimension::ALL.into_iter().zip(header.dimensions) {
            let Some(field) = field else { continue };
            let name = self.text(records, field)?;
            let name = if name.is_empty() { self.format.value(dimension) } else { Some(name) };
            let name = name.ok_or_else(|| {
                self.mistake(records, field, values::NAME.to_owned(), "an empty field".to_owned())
            })?;
            names[dimension as usize] = Some((field, name));
        }
        let order = header.order.map(|field| self.text(records, field)).transpose()?;
        if !part.count(amount) {
            let found = self.text(records, amount_field).map(shown)?;
            return Err(self.mistake(records, amount_field, values::TOTAL.to_owned(), found));
        }
        for (dimension, name) in Dimension::ALL.into_iter().zip(names) {
            let Some((field, name)) = name else { continue };
            let code = dictionaries.name(dimension, name).ok_or_else(|| {
                let expected = "at most 4294967296 distinct names".to_owned();
                self.mistake(records, field, expected, "more".to_owned())
            })?;
            part.names[dimension as usize].push(code);
        }
        // Orders without a number are one each: 2^32 distinct ones do not fit anyway.
        if let Some(order) = order {
            part.order.push(dictionaries.order(order).unwrap_or(u32::MAX));
        }
        part.date.push(date);
        part.units.push(units);
        part.revenue.push(amount);
        Ok(())
    }

    /// The field's text without space around it.
    fn text<'r>(self, records: &'r Records<'_>, field: usize) -> Result<&'r str, LoadError> {
        match str::from_utf8(records.field(field)) {
            Ok(text) => Ok(trimmed(text)),
            Err(_) => {
                let found = shown(&String::from_utf8_lossy(records.field(field)));
                Err(self.mistake(records, field, "UTF-8".to_owned(), found))
            }
        }
    }

    fn value<T>(
        self,
        records: &Records<'_>,
        field: usize,
        parse: impl FnOnce(&str) -> Result<T, Mistake>,
    ) -> Result<T, LoadError> {
        let text = self.text(records, field)?;
        parse(text).map_err(|expected| {
            let found = if text.is_empty() { "an empty field".to_owned() } else { shown(text) };
            self.mistake(records, field, expected, found)
        })
    }

    /// A mistake in a field of the record that was read last, or in one that it lacks.
    fn mistake(
        self,
        records: &Records<'_>,
        field: usize,
        expected: String,
        found: String,
    ) -> LoadError {
        let column = self.header.column(field);
        LoadError::data(self.name, records.line(field), column, expected, found)
    }

    fn syntax(self, error: SyntaxError) -> LoadError {
        let column = self.header.column(error.field);
        LoadError::data(self.name, error.line, column, error.expected, error.found)
    }
}

impl Header {
    fn read(
        name: &str,
        format: &SalesFormat,
        records: &mut Records<'_>,
    ) -> Result<Self, LoadError> {
        let mut header = Self {
            names: Vec::new(),
            lines: 0,
            date: 0,
            dimensions: [None; Dimension::ALL.len()],
            order: None,
            units: 0,
            amount: Amount::Revenue(0),
            returns: None,
        };
        let required: Vec<&str> =
            format.required().into_iter().map(|field| format.column(field)).collect();
        let expected = format!("a header with the columns {}", required.join(", "));
        let found = records.advance().map_err(|error| {
            LoadError::data(
                name,
                error.line,
                header.column(error.field),
                error.expected,
                error.found,
            )
        })?;
        if !found {
            let line = records.lines().max(1);
            return Err(LoadError::data(name, line, None, expected, "an empty file"));
        }
        for field in 0..records.len() {
            let Ok(text) = str::from_utf8(records.field(field)) else {
                let found = shown(&String::from_utf8_lossy(records.field(field)));
                let column = header.column(field);
                return Err(LoadError::data(name, records.line(field), column, "UTF-8", found));
            };
            header.names.push(text.trim().to_owned());
        }
        let place = |column: &str| -> Result<Option<usize>, LoadError> {
            let mut found = (0..header.names.len())
                .filter(|&field| header.names[field].eq_ignore_ascii_case(column));
            let place = found.next();
            if let (Some(place), Some(second)) = (place, found.next()) {
                let found = format!("{column} again after column {}", place + 1);
                let line = records.line(second);
                let (column, expected) = (header.column(second), "each column once");
                return Err(LoadError::data(name, line, column, expected, found));
            }
            Ok(place)
        };
        let must = |column: &str| -> Result<usize, LoadError> {
            place(column)?.ok_or_else(|| {
                let found = format!("no {column} in {}", shown(&header.names.join(",")));
                let line = records.line(0);
                LoadError::data(name, line, column.to_owned(), expected.clone(), found)
            })
        };
        let required = format.required();
        let find = |field: Field| -> Result<Option<usize>, LoadError> {
            let column = format.column(field);
            if required.contains(&field) { must(column).map(Some) } else { place(column) }
        };
        let mut dimensions = [None; Dimension::ALL.len()];
        let date = must(format.column(Field::Date))?;
        for dimension in Dimension::ALL {
            dimensions[dimension as usize] = find(Field::of(dimension))?;
        }
        let units = must(format.column(Field::Units))?;
        let amount = if required.contains(&Field::UnitPrice) {
            Amount::UnitPrice(must(format.column(Field::UnitPrice))?)
        } else {
            Amount::Revenue(must(format.column(Field::Revenue))?)
        };
        let order = find(Field::Order)?;
        let returns = format.returns.as_ref().map(|returns| must(&returns.column)).transpose()?;
        let lines = records.lines();
        Ok(Self { lines, date, dimensions, order, units, amount, returns, ..header })
    }

    /// What the columns are and what they are used as.
    fn describe(&self, format: &SalesFormat) -> Vec<DataColumn> {
        let mut uses = vec![None; self.names.len()];
        let dimensions = Dimension::ALL.map(Field::of).into_iter().zip(self.dimensions);
        let (amount, place) = match self.amount {
            Amount::Revenue(place) => (Field::Revenue, place),
            Amount::UnitPrice(place) => (Field::UnitPrice, place),
        };
        let others = [
            (Field::Date, Some(self.date)),
            (Field::Units, Some(self.units)),
            (amount, Some(place)),
            (Field::Order, self.order),
        ];
        for (field, place) in others.into_iter().chain(dimensions) {
            if let Some(place) = place {
                uses[place] = Some(field);
            }
        }
        let kind = |field| match field {
            Some(Field::Date) if format.date_formats.is_empty() => "date as yyyy-mm-dd".to_owned(),
            Some(Field::Date) => format!("date as {}", format.date_formats.join(" or ")),
            Some(Field::Units) => "whole number".to_owned(),
            Some(Field::Revenue | Field::UnitPrice) => "decimal number".to_owned(),
            _ => "text".to_owned(),
        };
        let columns = self.names.iter().zip(uses).enumerate();
        columns
            .map(|(place, (name, field))| DataColumn {
                name: name.clone(),
                kind: kind(field),
                used_as: match field {
                    None if self.returns == Some(place) => Some("returns".to_owned()),
                    field => field.map(|field| field.as_str().to_owned()),
                },
            })
            .collect()
    }

    /// The number of a column, counted from 1, and its name if the header gives one.
    fn column(&self, field: usize) -> String {
        let number = field + 1;
        match self.names.get(field) {
            Some(name) if !name.is_empty() => format!("{number} ({name})"),
            _ => number.to_string(),
        }
    }
}

/// Without space around it. Most values have none, which two looks tell.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// A text as an error shows it: quoted, escaped, and not too long.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
