//! Parquet, row group by row group on all processors, each into its place in the columns.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io, mem,
    num::NonZero,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use parquet::{
    errors::ParquetError,
    file::{
        metadata::{ParquetMetaData, ParquetMetaDataReader},
        serialized_reader::SerializedPageReader,
    },
    schema::types::SchemaDescriptor,
};

use self::{
    chunk::{Chunk, Doubles},
    columns::Columns,
    ranges::Window,
    value::{Kind, Value},
};
use super::{
    format::SalesFormat,
    part::{Codes, Dictionaries, Loading, Part, Wanted, rows_of},
    values::{self, Dates, Mistake},
};
use crate::{Date, Dimension, LoadError, Money};

mod chunk;
mod columns;
mod ranges;
mod runs;
mod value;

pub(super) use self::ranges::Ranges;

/// A file whose columns have been found.
pub(crate) struct Opened {
    name: String,
    metadata: ParquetMetaData,
    columns: Columns,
    /// How many rows each row group has.
    lengths: Vec<usize>,
}

/// A file that is being read.
struct Source<'a, R> {
    name: &'a str,
    format: &'a SalesFormat,
    content: &'a R,
    metadata: &'a ParquetMetaData,
    columns: &'a Columns,
    wanted: Wanted,
}

/// Where the rows of a row group go.
struct Rows<'a> {
    /// How many are before them in the file.
    before: usize,
    date: &'a mut [Date],
    names: [&'a mut [u32]; Dimension::ALL.len()],
    order: &'a mut [u32],
    units: &'a mut [i32],
    revenue: &'a mut [Money],
}

/// The rows of the file that cannot be read, and what is wrong with each.
type Faults = BTreeMap<usize, LoadError>;

/// What reading a row group came to. Its codes are those of the thread that read it.
struct Read<'a> {
    group: usize,
    rows: Rows<'a>,
    result: Result<(Part, Vec<usize>), LoadError>,
}

impl Opened {
    /// Finds the columns of a file. Their values are not looked at.
    pub(super) fn open<R: Ranges>(
        name: &str,
        format: &SalesFormat,
        content: &R,
    ) -> Result<Self, LoadError> {
        let metadata = damaged_or(name, || {
            let metadata = ParquetMetaDataReader::new().parse_and_finish(content);
            metadata.map_err(|error| broken(name, error))
        })?;
        let schema = metadata.file_metadata().schema_descr();
        let columns = Columns::find(name, format, schema)?;
        for (group, metadata) in metadata.row_groups().iter().enumerate() {
            let rows = metadata.num_rows();
            let odd = |place: &usize| {
                let column = metadata.column(*place);
                column.column_descr().max_rep_level() == 0 && column.num_values() != rows
            };
            if let Some(place) = columns.places().find(odd) {
                let found = metadata.column(place).num_values();
                return Err(lengths_differ(name, group, rows, found, &column_name(schema, place)));
            }
        }
        let lengths = metadata
            .row_groups()
            .iter()
            .map(|group| usize::try_from(group.num_rows()).unwrap_or(usize::MAX))
            .collect();
        Ok(Self { name: name.to_owned(), metadata, columns, lengths })
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> Result<usize, LoadError> {
        rows_of(&self.name, &self.lengths)
    }

    /// Whether it says which order a line belongs to.
    pub(super) fn has_orders(&self) -> bool {
        self.columns.order.is_some()
    }

    /// Reads columns of the file, all of whose content this is.
    pub(super) fn read<R: Ranges>(
        &self,
        format: &SalesFormat,
        content: &R,
        wanted: Wanted,
        loading: &mut Loading,
    ) -> Result<Part, LoadError> {
        let Self { name, metadata, columns, lengths } = self;
        let mut part = columns.room(name, wanted, self.rows()?)?;
        let dictionaries =
            loading.file(|| columns.describe(metadata.file_metadata().schema_descr()));
        let source = Source { name, format, content, metadata, columns, wanted };
        source.read(lengths, &mut part, dictionaries)?;
        Ok(part)
    }
}

impl<R: Ranges> Source<'_, R> {
    /// Reads all row groups, on all processors.
    fn read(
        &self,
        lengths: &[usize],
        part: &mut Part,
        dictionaries: &mut Dictionaries,
    ) -> Result<(), LoadError> {
        let (name, source) = (self.name, self);
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = threads.min(lengths.len()).max(1);
        let mut all = Rows::of(part);
        let groups: Vec<_> = lengths.iter().map(|&length| all.cut(length)).enumerate().collect();
        let groups = Mutex::new(groups.into_iter());
        let stop = AtomicUsize::new(usize::MAX);
        let work = || {
            let mut names = Dictionaries::default();
            let mut done = Vec::new();
            loop {
                let next = groups.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((group, mut rows)) = next else { return (names, done) };
                if group > stop.load(Ordering::Relaxed) {
                    return (names, done);
                }
                let result = damaged_or(name, || source.row_group(group, &mut rows, &mut names));
                if result.is_err() {
                    stop.fetch_min(group, Ordering::Relaxed);
                }
                done.push(Read { group, rows, result });
            }
        };
        let done = thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut done = vec![work()];
            for other in others {
                done.push(other.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
            }
            done
        });
        let (mut known, mut read) = (Vec::new(), Vec::new());
        for (thread, (names, groups)) in done.into_iter().enumerate() {
            let mut codes = Codes::default();
            dictionaries.add(&names.after(&Default::default()), &mut codes).ok_or_else(|| {
                let expected = "at most 4294967296 distinct names".to_owned();
                LoadError::file(name, expected, "more".to_owned())
            })?;
            known.push(codes);
            read.extend(groups.into_iter().map(|group| (thread, group)));
        }
        read.sort_unstable_by_key(|(_, read)| read.group);
        let mut rows = Vec::with_capacity(read.len());
        let (mut faults, mut bad) = (Part::default(), Vec::new());
        for (thread, Read { rows: group, result, .. }) in read {
            let (found, mut rows_found) = result?;
            faults.add(name, found)?;
            bad.append(&mut rows_found);
            rows.push((thread, group));
        }
        recode(rows, &known);
        part.add(name, faults)?;
        part.remove(&bad);
        Ok(())
    }
}

/// Gives all rows the codes of the file instead of those of the thread that read them.
fn recode(rows: Vec<(usize, Rows<'_>)>, known: &[Codes]) {
    let rows = Mutex::new(rows.into_iter());
    let work = || loop {
        let next = rows.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((thread, rows)) = next else { return };
        let names = Dimension::ALL.into_iter().map(Some).zip(rows.names);
        for (of, codes) in names.chain([(None, rows.order)]) {
            let known = known[thread].of(of);
            // Often the same names came first.
            if (0..).zip(known).any(|(code, known)| code != *known) {
                codes.iter_mut().for_each(|code| *code = known[*code as usize]);
            }
        }
    };
    thread::scope(|scope| {
        (1..known.len()).for_each(|_| _ = scope.spawn(work));
        work();
    });
}

fn column_name(schema: &SchemaDescriptor, place: usize) -> String {
    format!("{} ({})", place + 1, schema.column(place).path().string())
}

fn lengths_differ(
    name: &str,
    group: usize,
    rows: impl Display,
    found: impl Display,
    column: &str,
) -> LoadError {
    let expected = format!("{rows} rows in row group {group}");
    LoadError::file(name, expected, format!("{found} in column {column}"))
}

/// What reading comes to. The crate takes some of what cannot be in a file for its own mistake, and panics.
fn damaged_or<T>(name: &str, read: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let damaged = io::Error::new(io::ErrorKind::InvalidData, "the file is damaged");
        Err(LoadError::io(name, None, damaged))
    })
}

/// A file that is cut off or damaged, or a column that is.
fn broken(name: &str, error: ParquetError) -> LoadError {
    LoadError::io(name, None, error)
}

impl Columns {
    /// Columns of zeros for all rows of a file.
    fn room(&self, name: &str, wanted: Wanted, rows: usize) -> Result<Part, LoadError> {
        // A damaged file can say that it has any number of rows.
        let probe = Vec::<[u64; 8]>::new().try_reserve_exact(rows);
        probe.map_err(|error| LoadError::io(name, None, error))?;
        let rows_if = |wanted: bool| if wanted { rows } else { 0 };
        let mut names: [Vec<u32>; Dimension::ALL.len()] = Default::default();
        for dimension in Dimension::ALL.map(|dimension| dimension as usize) {
            let found = wanted.names[dimension] && self.dimensions[dimension].is_some();
            names[dimension] = vec![0; rows_if(found)];
        }
        Ok(Part {
            date: vec![Date::EPOCH; rows_if(wanted.date)],
            names,
            order: vec![0; rows_if(wanted.order && self.order.is_some())],
            units: vec![0; rows_if(wanted.sums)],
            revenue: vec![Money::default(); rows_if(wanted.sums)],
            lines: rows as u64,
            ..Part::default()
        })
    }
}

impl<'a> Rows<'a> {
    fn of(part: &'a mut Part) -> Self {
        Self {
            before: 0,
            date: &mut part.date,
            names: part.names.each_mut().map(Vec::as_mut_slice),
            order: &mut part.order,
            units: &mut part.units,
            revenue: &mut part.revenue,
        }
    }

    /// Cuts the first rows off.
    fn cut(&mut self, length: usize) -> Self {
        fn cut<'a, T>(column: &mut &'a mut [T], length: usize) -> &'a mut [T] {
            let (first, rest) = match mem::take(column) {
                absent @ [] => (absent, &mut [][..]),
                column => column.split_at_mut(length),
            };
            *column = rest;
            first
        }
        let before = self.before;
        self.before += length;
        Self {
            before,
            date: cut(&mut self.date, length),
            names: self.names.each_mut().map(|codes| cut(codes, length)),
            order: cut(&mut self.order, length),
            units: cut(&mut self.units, length),
            revenue: cut(&mut self.revenue, length),
        }
    }
}

impl<R: Ranges> Source<'_, R> {
    /// Reads a row group: what it comes to beside its columns, and which rows have to be taken out.
    fn row_group(
        &self,
        group: usize,
        rows: &mut Rows<'_>,
        dictionaries: &mut Dictionaries,
    ) -> Result<(Part, Vec<usize>), LoadError> {
        let mut faults = Faults::new();
        let Self { columns, wanted, .. } = self;
        let before = rows.before;
        let mut column = Column { source: self, group, before, faults: &mut faults };

        if wanted.date {
            let mut dates = Dates::new(self.format);
            column.read(columns.date, rows.date, Date::EPOCH, |value| value.date(&mut dates))?;
        }
        if wanted.sums {
            column.sums(columns, rows)?;
        }
        for dimension in Dimension::ALL {
            let place = columns.dimensions[dimension as usize];
            let Some(place) = place.filter(|_| wanted.names[dimension as usize]) else { continue };
            let instead = self.format.value(dimension);
            let mut last = Memory::default();
            column.read(place, rows.names[dimension as usize], 0, |value| {
                let mut code = |name: &str| {
                    let name = name.trim();
                    let name = if name.is_empty() { instead } else { Some(name) };
                    let name = name.ok_or(values::NAME)?;
                    let code = dictionaries.name(dimension, name);
                    code.ok_or_else(|| "at most 4294967296 distinct names".to_owned())
                };
                match value {
                    Value::Null if instead.is_some() => code(""),
                    value => last.of(value, code),
                }
            })?;
        }
        if let Some(place) = columns.order.filter(|_| wanted.order) {
            let mut last = Memory::default();
            column.read(place, rows.order, 0, |value| {
                let mut code = |order: &str| Ok(dictionaries.order(order).unwrap_or(u32::MAX));
                match value {
                    Value::Null => code(""),
                    value => last.of(value, code),
                }
            })?;
        }
        let mut part = Part::default();
        for (row, amount) in rows.revenue.iter().enumerate() {
            let is_bad = !column.faults.is_empty() && column.faults.contains_key(&(before + row));
            if !is_bad && !part.count(*amount) {
                column.fault(columns.amount, row, values::TOTAL.to_owned(), amount.to_string());
            }
        }
        let bad = faults.keys().copied().collect();
        for fault in faults.into_values() {
            part.fault(self.format, fault)?;
        }
        Ok((part, bad))
    }

    fn schema(&self) -> &SchemaDescriptor {
        self.metadata.file_metadata().schema_descr()
    }

    fn column_name(&self, place: usize) -> String {
        column_name(self.schema(), place)
    }

    /// All bytes of a column in a row group.
    fn window(&self, group: usize, place: usize) -> Result<Window, ParquetError> {
        let column = self.metadata.row_group(group).column(place);
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let (start, length) = (u64::try_from(start)?, usize::try_from(column.compressed_size())?);
        Ok(Window { start, bytes: self.content.range(start, length)? })
    }
}

/// What reads the columns of a row group.
struct Column<'a, R> {
    source: &'a Source<'a, R>,
    group: usize,
    /// How many rows are before it.
    before: usize,
    faults: &'a mut Faults,
}

impl<R: Ranges> Column<'_, R> {
    /// Reads units and revenue.
    // A method alone is for values of one lifetime; the closure is for all.
    #[allow(clippy::redundant_closure_for_method_calls)]
    fn sums(&mut self, columns: &Columns, rows: &mut Rows<'_>) -> Result<(), LoadError> {
        let format = self.source.format;
        self.read(columns.units, rows.units, 0, |value| value.units())?;
        let decimal = format.decimal;
        self.read_with(
            columns.amount,
            rows.revenue,
            Money::default(),
            Some(Money::from_f64s),
            |value| value.money(decimal),
        )?;
        if columns.is_price {
            for (row, (units, price)) in rows.units.iter().zip(rows.revenue.iter_mut()).enumerate()
            {
                let shown = *price;
                *price = values::amount(*units, shown).unwrap_or_else(|expected| {
                    self.fault(columns.amount, row, expected, shown.to_string());
                    Money::default()
                });
            }
        }
        if let (Some(place), Some(returns)) = (columns.returns, &format.returns) {
            let mut returned = vec![false; rows.units.len()];
            self.read(place, &mut returned, false, |value| {
                value.text(|text| Ok(returns.values.iter().any(|value| value == text)))
            })?;
            for (row, _) in returned.iter().enumerate().filter(|(_, returned)| **returned) {
                rows.units[row] = -rows.units[row].saturating_abs();
                rows.revenue[row] = Money::from_steps(-rows.revenue[row].ten_thousandths().abs());
            }
        }
        Ok(())
    }

    /// Reads a column. Rows with a fault get `instead`.
    fn read<T: Copy>(
        &mut self,
        place: usize,
        to: &mut [T],
        instead: T,
        convert: impl FnMut(Value<'_>) -> Result<T, Mistake>,
    ) -> Result<(), LoadError> {
        self.read_with(place, to, instead, None, convert)
    }

    /// The same, where there is a faster way for doubles.
    fn read_with<T: Copy>(
        &mut self,
        place: usize,
        to: &mut [T],
        instead: T,
        doubles: Option<Doubles<T>>,
        convert: impl FnMut(Value<'_>) -> Result<T, Mistake>,
    ) -> Result<(), LoadError> {
        let source = self.source;
        let descriptor = source.schema().column(place);
        let kind = Kind::of(&descriptor).ok_or_else(|| {
            let found =
                format!("{} of type {:?}", source.column_name(place), descriptor.physical_type());
            LoadError::file(source.name, "a column of plain values".to_owned(), found)
        })?;
        let rows = to.len();
        let metadata = source.metadata.row_group(self.group).column(place);
        let window = source.window(self.group, place);
        let group = self.group;
        let fault = |row, expected, found| self.fault(place, row, expected, found);
        let mut chunk = Chunk { descriptor, kind, to, done: 0, instead, convert, doubles, fault };
        window
            .and_then(|window| SerializedPageReader::new(Arc::new(window), metadata, rows, None))
            .and_then(|pages| chunk.read(Box::new(pages)))
            .map_err(|error| broken(source.name, error))?;
        let done = chunk.done;
        if done == rows {
            return Ok(());
        }
        Err(lengths_differ(source.name, group, rows, done, &source.column_name(place)))
    }

    /// Notes the first fault of a row.
    fn fault(&mut self, place: usize, row: usize, expected: Mistake, found: String) {
        let row = self.before + row;
        self.faults.entry(row).or_insert_with(|| {
            let column = self.source.column_name(place);
            LoadError::row(self.source.name, row as u64 + 1, column, expected, found)
        });
    }
}

/// The code of the name that was read last: names often come in runs.
#[derive(Default)]
struct Memory {
    name: Vec<u8>,
    code: Option<u32>,
}

impl Memory {
    fn of(
        &mut self,
        value: Value<'_>,
        code: impl FnOnce(&str) -> Result<u32, Mistake>,
    ) -> Result<u32, Mistake> {
        if let (Value::Text(name), Some(code)) = (value, self.code)
            && name == self.name
        {
            return Ok(code);
        }
        let code = value.text(code)?;
        if let Value::Text(name) = value {
            self.name.clear();
            self.name.extend_from_slice(name);
            self.code = Some(code);
        }
        Ok(code)
    }
}
