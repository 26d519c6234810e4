//! Parquet, row group by row group on all processors.

use std::{
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::DataType,
    errors::ParquetError,
    file::reader::{ChunkReader, FileReader as _, SerializedFileReader},
    schema::types::ColumnDescriptor,
};

use super::{
    csv::shown,
    format::{Decimal, Field, SalesFormat},
    part::{Dictionaries, Loading, Part},
    values::{self, Dates, Mistake},
};
use crate::{DataColumn, Date, Dimension, LoadError, Money};

/// How many values are decoded at a time: they stay in the processor's cache.
const BATCH: usize = 1 << 13;

/// A file whose columns have been found.
struct Source<'a, R: ChunkReader + 'static> {
    name: &'a str,
    format: &'a SalesFormat,
    file: &'a SerializedFileReader<R>,
    columns: Columns,
}

/// Where in the file's schema the fields are.
struct Columns {
    date: usize,
    dimensions: [Option<usize>; Dimension::ALL.len()],
    order: Option<usize>,
    units: usize,
    amount: usize,
    /// Whether `amount` is the price of one.
    is_price: bool,
    returns: Option<usize>,
}

/// The rows of a row group that cannot be read, and what is wrong with each.
type Faults = std::collections::BTreeMap<usize, LoadError>;

/// Reads a file: its parts in order, each with the number of the thread that read it.
pub(super) fn read<R: ChunkReader + 'static>(
    name: &str,
    format: &SalesFormat,
    content: R,
    loading: &mut Loading,
) -> Result<Vec<(usize, Part)>, LoadError> {
    let file = SerializedFileReader::new(content).map_err(|error| broken(name, error))?;
    let columns = Columns::find(name, format, &file)?;
    let groups = file.num_row_groups();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(groups).max(1);
    let dictionaries = loading.file(threads, || columns.describe(&file));
    let source = Source { name, format, file: &file, columns };
    let (next, stop) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let work = |thread: usize, dictionaries: &mut Dictionaries| {
        let mut read = Vec::new();
        loop {
            let group = next.fetch_add(1, Ordering::Relaxed);
            if group >= groups || group > stop.load(Ordering::Relaxed) {
                return read;
            }
            let part = source.row_group(group, dictionaries);
            if part.is_err() {
                stop.fetch_min(group, Ordering::Relaxed);
            }
            read.push((group, thread, part));
        }
    };
    let mut read = thread::scope(|scope| {
        let mut all = dictionaries.iter_mut().enumerate();
        let first = all.next();
        let workers: Vec<_> = all
            .map(|(thread, dictionaries)| scope.spawn(move || work(thread, dictionaries)))
            .collect();
        let mut read =
            first.map(|(thread, dictionaries)| work(thread, dictionaries)).unwrap_or_default();
        for worker in workers {
            match worker.join() {
                Ok(mut parts) => read.append(&mut parts),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        read
    });
    read.sort_unstable_by_key(|(group, _, _)| *group);
    let mut before = 0;
    let mut parts = Vec::with_capacity(read.len());
    for (_, thread, part) in read {
        let mut part = part.map_err(|error| error.after(before))?;
        part.faults.iter_mut().for_each(|fault| fault.move_by(before));
        before += part.lines;
        parts.push((thread, part));
    }
    Ok(parts)
}

/// A file that is cut off or damaged, or a column that is.
fn broken(name: &str, error: ParquetError) -> LoadError {
    LoadError::io(name, None, error)
}

impl Columns {
    fn find<R: ChunkReader + 'static>(
        name: &str,
        format: &SalesFormat,
        file: &SerializedFileReader<R>,
    ) -> Result<Self, LoadError> {
        let schema = file.metadata().file_metadata().schema_descr();
        let required = format.required();
        let place = |column: &str| -> Result<Option<usize>, LoadError> {
            let mut found = (0..schema.num_columns())
                .filter(|&place| schema.column(place).path().string().eq_ignore_ascii_case(column));
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(LoadError::file(
                    name,
                    "each column once".to_owned(),
                    format!("{column} twice"),
                )),
                (place, _) => Ok(place),
            }
        };
        let must = |column: &str| -> Result<usize, LoadError> {
            place(column)?.ok_or_else(|| {
                let all: Vec<_> =
                    schema.columns().iter().map(|column| column.path().string()).collect();
                let required: Vec<&str> =
                    required.iter().map(|&field| format.column(field)).collect();
                LoadError::file(
                    name,
                    format!("the columns {}", required.join(", ")),
                    format!("no {column} in {}", shown(&all.join(","))),
                )
            })
        };
        let find = |field: Field| -> Result<Option<usize>, LoadError> {
            let column = format.column(field);
            if required.contains(&field) { must(column).map(Some) } else { place(column) }
        };
        let mut dimensions = [None; Dimension::ALL.len()];
        let date = must(format.column(Field::Date))?;
        for dimension in Dimension::ALL {
            dimensions[dimension as usize] = find(Field::of(dimension))?;
        }
        let is_price = required.contains(&Field::UnitPrice);
        let amount = if is_price { Field::UnitPrice } else { Field::Revenue };
        let columns = Self {
            date,
            dimensions,
            order: find(Field::Order)?,
            units: must(format.column(Field::Units))?,
            amount: must(format.column(amount))?,
            is_price,
            returns: format.returns.as_ref().map(|returns| must(&returns.column)).transpose()?,
        };
        Ok(columns)
    }

    /// What the columns are and what they are used as.
    fn describe<R: ChunkReader + 'static>(
        &self,
        file: &SerializedFileReader<R>,
    ) -> Vec<DataColumn> {
        let amount = if self.is_price { Field::UnitPrice } else { Field::Revenue };
        let mut uses = vec![
            (Some(self.date), Field::Date.as_str()),
            (Some(self.units), Field::Units.as_str()),
            (Some(self.amount), amount.as_str()),
            (self.order, Field::Order.as_str()),
            (self.returns, "returns"),
        ];
        let dimensions = Dimension::ALL.iter().zip(self.dimensions);
        uses.extend(dimensions.map(|(dimension, place)| (place, dimension.as_str())));
        let columns = file.metadata().file_metadata().schema_descr().columns().iter().enumerate();
        columns
            .map(|(place, column)| DataColumn {
                name: column.path().string(),
                kind: match column.converted_type() {
                    ConvertedType::NONE => format!("{}", column.physical_type()),
                    converted => format!("{converted}"),
                },
                used_as: uses
                    .iter()
                    .find(|(used, _)| *used == Some(place))
                    .map(|(_, field)| (*field).to_owned()),
            })
            .collect()
    }
}

impl<R: ChunkReader + 'static> Source<'_, R> {
    // A method alone is for values of one lifetime; the closure is for all.
    #[allow(clippy::redundant_closure_for_method_calls)]
    fn row_group(&self, group: usize, dictionaries: &mut Dictionaries) -> Result<Part, LoadError> {
        let metadata = self.file.metadata().row_group(group);
        let rows = usize::try_from(metadata.num_rows()).unwrap_or(0);
        let mut part = Part { lines: rows as u64, ..Part::default() };
        let mut faults = Faults::new();
        let columns = &self.columns;

        let mut dates = Dates::new(self.format);
        part.date = self.column(group, columns.date, rows, &mut faults, Date::EPOCH, |value| {
            value.date(&mut dates)
        })?;
        part.units =
            self.column(group, columns.units, rows, &mut faults, 0, |value| value.units())?;
        let decimal = self.format.decimal;
        let mut row = 0;
        let units = &part.units;
        part.revenue =
            self.column(group, columns.amount, rows, &mut faults, Money::default(), |value| {
                let units = units.get(row).copied().unwrap_or(0);
                row += 1;
                let amount = value.money(decimal)?;
                if columns.is_price { values::amount(units, amount) } else { Ok(amount) }
            })?;
        if let (Some(place), Some(returns)) = (columns.returns, &self.format.returns) {
            let returned = self.column(group, place, rows, &mut faults, false, |value| {
                value.text(|text| Ok(returns.values.iter().any(|value| value == text)))
            })?;
            for (row, _) in returned.iter().enumerate().filter(|(_, returned)| **returned) {
                part.units[row] = -part.units[row].saturating_abs();
                part.revenue[row] = Money::from_steps(-part.revenue[row].ten_thousandths().abs());
            }
        }
        for dimension in Dimension::ALL {
            let Some(place) = columns.dimensions[dimension as usize] else { continue };
            let instead = self.format.value(dimension);
            let mut last = Memory::default();
            part.names[dimension as usize] =
                self.column(group, place, rows, &mut faults, 0, |value| {
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
        if let Some(place) = columns.order {
            let mut last = Memory::default();
            part.order = self.column(group, place, rows, &mut faults, 0, |value| {
                let mut code = |order: &str| Ok(dictionaries.order(order).unwrap_or(u32::MAX));
                match value {
                    Value::Null => code(""),
                    value => last.of(value, code),
                }
            })?;
        }
        let column = |place| self.column_name(place);
        for (row, amount) in part.revenue.clone().into_iter().enumerate() {
            if !faults.contains_key(&row) && !part.count(amount) {
                let (expected, found) = (values::TOTAL.to_owned(), amount.to_string());
                let fault = LoadError::row(
                    self.name,
                    row as u64 + 1,
                    column(columns.amount),
                    expected,
                    found,
                );
                faults.insert(row, fault);
            }
        }
        let bad: Vec<usize> = faults.keys().copied().collect();
        for fault in faults.into_values() {
            part.fault(self.format, fault)?;
        }
        part.remove(&bad);
        Ok(part)
    }

    fn column_name(&self, place: usize) -> String {
        let schema = self.file.metadata().file_metadata().schema_descr();
        format!("{} ({})", place + 1, schema.column(place).path().string())
    }

    /// Reads a column of a row group. Rows with a fault get `instead`.
    fn column<T: Copy>(
        &self,
        group: usize,
        place: usize,
        rows: usize,
        faults: &mut Faults,
        instead: T,
        mut convert: impl FnMut(Value<'_>) -> Result<T, Mistake>,
    ) -> Result<Vec<T>, LoadError> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        let descriptor = schema.column(place);
        let kind = Kind::of(&descriptor).ok_or_else(|| {
            let found =
                format!("{} of type {:?}", self.column_name(place), descriptor.physical_type());
            LoadError::file(self.name, "a column of plain values".to_owned(), found)
        })?;
        let reader = self
            .file
            .get_row_group(group)
            .and_then(|group| group.get_column_reader(place))
            .map_err(|error| broken(self.name, error))?;
        let mut values = Vec::with_capacity(rows);
        let each = |value: Value<'_>| {
            let row = values.len();
            let converted = convert(value).unwrap_or_else(|expected| {
                faults.entry(row).or_insert_with(|| {
                    let column = self.column_name(place);
                    LoadError::row(self.name, row as u64 + 1, column, expected, value.show())
                });
                instead
            });
            values.push(converted);
        };
        let optional = descriptor.max_def_level() > 0;
        match reader {
            ColumnReader::BoolColumnReader(reader) => typed(reader, optional, each, |value| {
                Value::Text(if *value { b"true" } else { b"false" })
            }),
            ColumnReader::Int32ColumnReader(reader) => {
                typed(reader, optional, each, |value| kind.integer(i64::from(*value)))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                typed(reader, optional, each, |value| kind.integer(*value))
            }
            ColumnReader::FloatColumnReader(reader) => {
                // As a person would write it: 0.1, not 0.10000000149.
                typed(reader, optional, each, |value| {
                    Value::Float(value.to_string().parse().unwrap_or(f64::NAN))
                })
            }
            ColumnReader::DoubleColumnReader(reader) => {
                typed(reader, optional, each, |value| Value::Float(*value))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                typed(reader, optional, each, |value| kind.bytes(value.data()))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                typed(reader, optional, each, |value| kind.bytes(value.data()))
            }
            ColumnReader::Int96ColumnReader(reader) => typed(reader, optional, each, |value| {
                // A time, as Spark writes it: nanoseconds, and a day that counts from 4713 BC.
                const EPOCH: i64 = 2_440_588;
                Value::Day(i64::from(value.data()[2]) - EPOCH)
            }),
        }
        .map_err(|error| broken(self.name, error))?;
        if values.len() != rows {
            let found = format!("{} in column {}", values.len(), self.column_name(place));
            return Err(LoadError::file(
                self.name,
                format!("{rows} rows in row group {group}"),
                found,
            ));
        }
        Ok(values)
    }
}

/// Hands on every value of a column chunk.
fn typed<D: DataType>(
    mut reader: ColumnReaderImpl<D>,
    optional: bool,
    mut each: impl FnMut(Value<'_>),
    convert: impl for<'v> Fn(&'v D::T) -> Value<'v>,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    loop {
        values.clear();
        levels.clear();
        let wanted = optional.then_some(&mut levels);
        let (records, _, _) = reader.read_records(BATCH, wanted, None, &mut values)?;
        if records == 0 {
            return Ok(());
        }
        if optional && values.len() < records {
            let mut values = values.iter();
            for level in &levels {
                let value = if *level > 0 { values.next() } else { None };
                each(value.map_or(Value::Null, &convert));
            }
        } else {
            values.iter().for_each(|value| each(convert(value)));
        }
    }
}

/// What the numbers and bytes of a column mean.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    /// Whole numbers of this power of ten.
    Decimal(u32),
    /// Days since 1970-01-01.
    Days,
    /// Times since 1970-01-01, of which a day has so many.
    Times(i64),
}

/// A value, as the file has it.
#[derive(Clone, Copy)]
enum Value<'a> {
    Null,
    Text(&'a [u8]),
    Integer(i64),
    /// A number and how many of its digits are decimals.
    Decimal(i128, u32),
    Float(f64),
    Day(i64),
}

impl Kind {
    /// None for lists and the like.
    fn of(column: &ColumnDescriptor) -> Option<Self> {
        const SECONDS: i64 = 86_400;
        if column.max_rep_level() > 0 || column.max_def_level() > 1 {
            return None;
        }
        let scale = || u32::try_from(column.type_scale()).ok();
        Some(match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => {
                Self::Decimal(scale()?)
            }
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Self::Days,
            (Some(LogicalType::Timestamp(time)), _) => Self::Times(match time.unit {
                TimeUnit::MILLIS => SECONDS * 1_000,
                TimeUnit::MICROS => SECONDS * 1_000_000,
                TimeUnit::NANOS => SECONDS * 1_000_000_000,
            }),
            (_, ConvertedType::TIMESTAMP_MILLIS) => Self::Times(SECONDS * 1_000),
            (_, ConvertedType::TIMESTAMP_MICROS) => Self::Times(SECONDS * 1_000_000),
            _ => Self::Plain,
        })
    }

    fn integer(self, value: i64) -> Value<'static> {
        match self {
            Self::Plain => Value::Integer(value),
            Self::Decimal(scale) => Value::Decimal(value.into(), scale),
            Self::Days => Value::Day(value),
            Self::Times(day) => Value::Day(value.div_euclid(day)),
        }
    }

    fn bytes(self, bytes: &[u8]) -> Value<'_> {
        match self {
            // The most significant byte comes first; those that are left out have its sign.
            Self::Decimal(scale) if bytes.len() <= size_of::<i128>() => {
                let sign = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
                let value = bytes.iter().fold(sign, |sum, byte| (sum << 8) | i128::from(*byte));
                Value::Decimal(value, scale)
            }
            _ => Value::Text(bytes),
        }
    }
}

impl Value<'_> {
    fn text<T>(self, read: impl FnOnce(&str) -> Result<T, Mistake>) -> Result<T, Mistake> {
        match self {
            Self::Text(bytes) => read(str::from_utf8(bytes).map_err(|_| "UTF-8")?),
            Self::Integer(number) => read(&number.to_string()),
            Self::Null => read(""),
            other => read(&other.show()),
        }
    }

    fn date(self, dates: &mut Dates<'_>) -> Result<Date, Mistake> {
        match self {
            Self::Day(days) => i32::try_from(days)
                .ok()
                .and_then(Date::from_epoch_days)
                .ok_or_else(|| "a date from 0000-01-01 to 9999-12-31".to_owned()),
            other => other.text(|text| dates.parse(text.trim())),
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked")]
    fn units(self) -> Result<i32, Mistake> {
        let units = match self {
            Self::Integer(number) => i32::try_from(number).ok(),
            Self::Decimal(number, scale) => 10_i128
                .checked_pow(scale)
                .filter(|one| number % one == 0)
                .and_then(|one| i32::try_from(number / one).ok()),
            Self::Float(number) if number as i32 as f64 == number => Some(number as i32),
            Self::Text(_) => return self.text(|text| values::units(text.trim())),
            _ => None,
        };
        units.ok_or_else(|| values::UNITS.to_owned())
    }

    fn money(self, decimal: Decimal) -> Result<Money, Mistake> {
        match self {
            Self::Integer(number) => Money::from_decimal(number.into(), 0),
            Self::Decimal(number, scale) => Money::from_decimal(number, scale),
            Self::Float(number) => Money::from_f64(number),
            Self::Text(_) => return self.text(|text| values::money(text.trim(), decimal)),
            Self::Null | Self::Day(_) => return Err("an amount".to_owned()),
        }
        .map_err(|error| error.expected().to_owned())
    }

    /// As an error shows it.
    fn show(self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Text(bytes) => shown(&String::from_utf8_lossy(bytes)),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(number, 0) => number.to_string(),
            Self::Decimal(number, scale) => format!("{number} / 10^{scale}"),
            Self::Float(number) => number.to_string(),
            Self::Day(days) => format!("day {days} from 1970-01-01"),
        }
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
