//! CSV, read block by block on all processors.

use std::{
    collections::BTreeMap,
    io::Read,
    mem,
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
    format::{Decimal, Field, SalesFormat},
    part::{Codes, Dictionaries, Loading, Met, Part, Rows, Tally},
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

/// A name of a line.
#[derive(Clone, Copy)]
enum Name<'a> {
    Known(u32),
    /// The field that it is in, and it.
    New(usize, &'a str),
}

/// A block with its number, and room for its rows.
type Numbered = (usize, Vec<u8>, Rows);

/// What a thread has made of a block.
struct ReadBlock {
    thread: usize,
    text: Vec<u8>,
    rows: Rows,
    tally: Result<Tally, LoadError>,
    /// The names that it met for the first time, in the order of their codes.
    met: Met,
}

/// Puts blocks together.
struct Joining<'a> {
    source: Source<'a>,
    dictionaries: &'a mut Dictionaries,
    whole: &'a mut Part,
    /// For each thread, what its codes are in `dictionaries`.
    known: Vec<Codes>,
    /// Blocks that were read before one that comes before them.
    waiting: BTreeMap<usize, ReadBlock>,
    next: usize,
    /// Room of rows that have been added.
    room: Vec<Rows>,
}

impl Joining<'_> {
    fn add(
        &mut self,
        number: usize,
        mut read: ReadBlock,
        blocks: &mut Blocks<impl Read>,
    ) -> Result<(), LoadError> {
        blocks.give_back(mem::take(&mut read.text));
        self.waiting.insert(number, read);
        while let Some(read) = self.waiting.remove(&self.next) {
            let ReadBlock { thread, mut rows, tally, met, .. } = read;
            let tally = tally.map_err(|error| error.after(self.whole.tally.lines))?;
            let known = &mut self.known[thread];
            self.dictionaries.add(&met, known).ok_or_else(|| {
                let expected = "at most 4294967296 distinct names".to_owned();
                LoadError::file(self.source.name, expected, "more".to_owned())
            })?;
            rows.recode(known);
            self.whole.push(&rows);
            self.whole.tally.append(self.source.name, tally)?;
            self.room.push(rows);
            self.next += 1;
        }
        Ok(())
    }
}

/// Reads a file.
pub(super) fn read(
    name: &str,
    format: &SalesFormat,
    input: impl Read,
    loading: &mut Loading,
) -> Result<Part, LoadError> {
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
    let dictionaries = loading.file(|| header.describe(format));
    // No more threads than there are blocks: most files are small.
    let second = blocks.next().map_err(io)?;
    let mut whole = Part::default();
    whole.tally.lines = header.lines;
    let Some(second) = second else {
        let mut rows = Rows::default();
        let tally = source.block(&first, &mut rows, dictionaries);
        whole.push(&rows);
        whole.tally.append(name, tally.map_err(|error| error.after(header.lines))?)?;
        return Ok(whole);
    };
    source.side_by_side([first, second], &mut blocks, dictionaries, &mut whole)?;
    Ok(whole)
}

/// A file that is being read.
#[derive(Clone, Copy)]
struct Source<'a> {
    name: &'a str,
    format: &'a SalesFormat,
    header: &'a Header,
}

impl Source<'_> {
    /// Reads blocks on all processors, and adds them to the whole in their order as they come: what
    /// is not added yet is a few blocks.
    fn side_by_side(
        self,
        first: [Vec<u8>; 2],
        blocks: &mut Blocks<impl Read>,
        dictionaries: &mut Dictionaries,
        whole: &mut Part,
    ) -> Result<(), LoadError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        // The number of the first block with a mistake: those after it need not be read.
        let stop = AtomicUsize::new(usize::MAX);
        let (send, receive) = mpsc::sync_channel::<Numbered>(threads);
        let receive = Mutex::new(receive);
        let (done, ready) = mpsc::channel();
        let work = |thread: usize, done: mpsc::Sender<(usize, ReadBlock)>| {
            let mut met = Dictionaries::default();
            loop {
                let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((number, block, mut rows)) = next else { return };
                if number > stop.load(Ordering::Relaxed) {
                    continue;
                }
                let before = met.lengths();
                let tally = self.block(&block, &mut rows, &mut met);
                if tally.is_err() {
                    stop.fetch_min(number, Ordering::Relaxed);
                }
                let met = met.after(&before);
                // Whoever does not take it has met a mistake before it.
                let _ = done.send((number, ReadBlock { thread, text: block, rows, tally, met }));
            }
        };
        thread::scope(|scope| {
            for thread in 0..threads {
                let (work, done) = (&work, done.clone());
                scope.spawn(move || work(thread, done));
            }
            drop(done);
            let mut joining = Joining {
                source: self,
                dictionaries,
                whole,
                known: (0..threads).map(|_| Codes::default()).collect(),
                waiting: BTreeMap::new(),
                next: 0,
                room: Vec::new(),
            };
            let mut failed = None;
            let mut first = first.into_iter();
            for number in 0.. {
                let block = match first.next() {
                    Some(block) => Ok(Some(block)),
                    None => blocks.next(),
                };
                match block {
                    Ok(Some(block)) if stop.load(Ordering::Relaxed) == usize::MAX => {
                        // The workers outlive this, unless one panics, which ends all.
                        let rows = joining.room.pop().unwrap_or_default();
                        let _ = send.send((number, block, rows));
                    }
                    Ok(_) => break,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
                for (number, read) in ready.try_iter() {
                    joining.add(number, read, blocks)?;
                }
            }
            drop(send);
            for (number, read) in ready {
                joining.add(number, read, blocks)?;
            }
            match failed {
                Some(error) => {
                    Err(LoadError::io(self.name, Some(joining.whole.tally.lines + 1), error))
                }
                None => Ok(()),
            }
        })
    }

    /// Reads whole records. Lines count from the block's first.
    fn block(
        self,
        text: &[u8],
        rows: &mut Rows,
        dictionaries: &mut Dictionaries,
    ) -> Result<Tally, LoadError> {
        rows.clear();
        let mut tally = Tally::default();
        let mut dates = Dates::new(self.format);
        let mut records = Records::new(text, self.format.delimiter.0);
        while records.advance().map_err(|error| self.syntax(error))? {
            if let Err(error) = self.record(&records, &mut dates, dictionaries, rows, &mut tally) {
                tally.fault(self.format, error)?;
            }
        }
        tally.lines = records.lines();
        Ok(tally)
    }

    fn record(
        self,
        records: &Records<'_>,
        dates: &mut Dates<'_>,
        dictionaries: &mut Dictionaries,
        rows: &mut Rows,
        tally: &mut Tally,
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
        // What is written as most is: the rest is looked at more closely, and any mistake with it.
        let short = |field| Some(records.field(field)).filter(|bytes| is_trimmed(bytes));
        let date = match short(header.date).and_then(|bytes| dates.known(bytes)) {
            Some(date) => date,
            None => self.value(records, header.date, |text| dates.parse(text))?,
        };
        let mut units = match short(header.units).and_then(values::short_units) {
            Some(units) => units,
            None => self.value(records, header.units, values::units)?,
        };
        let decimal = self.format.decimal;
        let (Amount::Revenue(amount_field) | Amount::UnitPrice(amount_field)) = header.amount;
        let known = short(amount_field).filter(|_| decimal == Decimal::Point);
        let mut amount = match known.and_then(Money::short) {
            Some(amount) => amount,
            None => self.value(records, amount_field, |text| values::money(text, decimal))?,
        };
        if let Amount::UnitPrice(field) = header.amount {
            amount = self.value(records, field, |_| values::amount(units, amount))?;
        }
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
            let known = short(field).and_then(|bytes| dictionaries.recent(dimension, bytes));
            let name = match known {
                Some(code) => Name::Known(code),
                None => Name::New(field, self.name(records, dimension, field)?),
            };
            names[dimension as usize] = Some(name);
        }
        let order = header.order.map(|field| self.text(records, field)).transpose()?;
        if !tally.count(amount) {
            let found = self.text(records, amount_field).map(shown)?;
            return Err(self.mistake(records, amount_field, values::TOTAL.to_owned(), found));
        }
        for (dimension, name) in Dimension::ALL.into_iter().zip(names) {
            let code = match name {
                None => continue,
                Some(Name::Known(code)) => code,
                Some(Name::New(field, name)) => {
                    dictionaries.name(dimension, name).ok_or_else(|| {
                        let expected = "at most 4294967296 distinct names".to_owned();
                        self.mistake(records, field, expected, "more".to_owned())
                    })?
                }
            };
            rows.names[dimension as usize].push(code);
        }
        // Orders without a number are one each: 2^32 distinct ones do not fit anyway.
        if let Some(order) = order {
            rows.order.push(dictionaries.order(order).unwrap_or(u32::MAX));
        }
        rows.date.push(date);
        rows.units.push(units);
        rows.revenue.push(amount);
        Ok(())
    }

    /// The name in a field, or what stands for one that is empty.
    fn name<'r>(
        self,
        records: &'r Records<'_>,
        dimension: Dimension,
        field: usize,
    ) -> Result<&'r str, LoadError>
    where
        Self: 'r,
    {
        let name = self.text(records, field)?;
        let name = if name.is_empty() { self.format.value(dimension) } else { Some(name) };
        name.ok_or_else(|| {
            self.mistake(records, field, values::NAME.to_owned(), "an empty field".to_owned())
        })
    }

    /// The field's text without space around it.
    fn text<'r>(self, records: &'r Records<'_>, field: usize) -> Result<&'r str, LoadError> {
        match records.text(field) {
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

/// Without space around it.
fn trimmed(text: &str) -> &str {
    if is_trimmed(text.as_bytes()) { text } else { text.trim() }
}

/// Whether two looks tell that there is no space around it, as with most values.
fn is_trimmed(text: &[u8]) -> bool {
    matches!(text, [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic())
        || matches!(text, [only] if only.is_ascii_graphic())
}

/// A text as an error shows it: quoted, escaped, and not too long.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
