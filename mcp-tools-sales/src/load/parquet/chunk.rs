//! The values of a column in a row group.
//!
//! Pages of places in a dictionary, as most columns have, and of plain values are decoded here: what
//! an entry of a dictionary means is found out once, not for each row. All others, and those after
//! them, are the crate's.

use bytes::Bytes;
use parquet::{
    basic::{Encoding, Type},
    column::{
        page::{Page, PageReader},
        reader::{ColumnReader, ColumnReaderImpl, get_column_reader},
    },
    data_type::DataType,
    errors::ParquetError,
    schema::types::ColumnDescPtr,
};

use super::{
    pages::{Pages, Room},
    runs::{self, Broken, Run},
    value::{Kind, Value},
};
use crate::load::values::Mistake;

/// How many values the crate decodes at a time: they stay in the processor's cache.
const BATCH: usize = 1 << 13;

/// A column chunk that is being read.
pub(super) struct Chunk<'a, T, C, F> {
    pub(super) descriptor: ColumnDescPtr,
    pub(super) kind: Kind,
    /// Where the values go. It grows as they come: a damaged file can say that it has any number of rows.
    pub(super) to: &'a mut Vec<T>,
    /// How many rows there should be.
    pub(super) rows: usize,
    /// How many are there.
    pub(super) done: usize,
    /// What a row gets whose value is a mistake.
    pub(super) instead: T,
    pub(super) convert: C,
    /// Converts many doubles at once, and says whether all of them could be.
    pub(super) doubles: Option<Doubles<T>>,
    /// Is told of each mistake: the row, what was expected, what was found.
    pub(super) fault: F,
}

/// Reads values of type double, in little-endian bytes, into as many others.
pub(super) type Doubles<T> = fn(&[[u8; 8]], &mut [T]) -> bool;

/// What values of a file mean.
struct Entries<T> {
    values: Vec<T>,
    /// Empty, or as long as `values`.
    mistakes: Vec<Option<(Mistake, String)>>,
}

/// A page that can be decoded here.
struct Data {
    /// Which rows have a value, as runs of one bit; none if all have.
    levels: Option<Bytes>,
    values: Bytes,
    count: usize,
    in_dictionary: bool,
}

impl<T, C, F> Chunk<'_, T, C, F>
where
    T: Copy,
    C: FnMut(Value<'_>) -> Result<T, Mistake>,
    F: FnMut(usize, Mistake, String),
{
    /// Reads all of it.
    pub(super) fn read(&mut self, mut pages: Pages, room: &mut Room) -> Result<(), ParquetError> {
        let mut dictionary = None;
        let mut entries = None;
        while let Some(page) = pages.next_page()? {
            let content = room.content(&pages, &page)?;
            if let Page::DictionaryPage { num_values, encoding, .. } = &page
                && dictionary.is_none()
            {
                let plain = matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY);
                let count = *num_values as usize;
                entries = if plain { self.entries(&content, count)? } else { None };
                dictionary = Some(page);
                continue;
            }
            let data = self.data(&page, &content)?;
            match (data, &entries) {
                (Some(data), Some(entries)) if data.in_dictionary => self.coded(&data, entries)?,
                (Some(data), _) if !data.in_dictionary => self.plain(&data)?,
                _ => {
                    pages.give_back(dictionary.into_iter().chain([page]));
                    return self.rest(Box::new(pages));
                }
            }
        }
        Ok(())
    }

    /// None of what is not decoded here.
    fn data(&mut self, page: &Page, content: &Bytes) -> Result<Option<Data>, ParquetError> {
        let optional = self.descriptor.max_def_level() > 0;
        let (encoding, count, levels, values) = match page {
            Page::DataPage { num_values, encoding, def_level_encoding, .. } => {
                if !optional {
                    (*encoding, *num_values, None, content.clone())
                } else if *def_level_encoding == Encoding::RLE {
                    let length = content.first_chunk().ok_or(Broken)?;
                    let end = (u32::from_le_bytes(*length) as usize).saturating_add(4);
                    let levels = content.get(4..end).ok_or(Broken)?;
                    (*encoding, *num_values, Some(content.slice_ref(levels)), content.slice(end..))
                } else {
                    return Ok(None);
                }
            }
            Page::DataPageV2 {
                num_values,
                encoding,
                num_nulls,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let start = *rep_levels_byte_len as usize;
                let end = start.saturating_add(*def_levels_byte_len as usize);
                let levels = content.get(start..end).ok_or(Broken)?;
                let levels = (optional && *num_nulls > 0).then(|| content.slice_ref(levels));
                (*encoding, *num_values, levels, content.slice(end..))
            }
            Page::DictionaryPage { .. } => return Ok(None),
        };
        let in_dictionary = match encoding {
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => true,
            Encoding::PLAIN if size(&self.descriptor).is_some() => false,
            _ => return Ok(None),
        };
        let count = count as usize;
        self.grow(count)?;
        Ok(Some(Data { levels, values, count, in_dictionary }))
    }

    /// Makes room for so many values more.
    fn grow(&mut self, count: usize) -> Result<(), Broken> {
        if count > self.rows - self.done {
            return Err(Broken);
        }
        let end = self.done + count;
        if self.to.len() < end {
            self.to.resize(end, self.instead);
        }
        Ok(())
    }

    /// None where the crate knows better.
    fn entries(&mut self, bytes: &Bytes, count: usize) -> Result<Option<Entries<T>>, ParquetError> {
        let Some(size) = size(&self.descriptor) else { return Ok(None) };
        let mut entries = Entries { values: Vec::new(), mistakes: Vec::new() };
        let mut rest: &[u8] = bytes;
        for entry in 0..count {
            let value = self.take(&mut rest, size)?;
            let (value, mistake) = match (self.convert)(value) {
                Ok(value) => (value, None),
                Err(expected) => (self.instead, Some((expected, value.show()))),
            };
            entries.values.push(value);
            if mistake.is_some() || !entries.mistakes.is_empty() {
                entries.mistakes.resize(entry, None);
                entries.mistakes.push(mistake);
            }
        }
        Ok(Some(entries))
    }

    /// Takes a plain value from bytes.
    fn take<'b>(&self, rest: &mut &'b [u8], size: Size) -> Result<Value<'b>, Broken> {
        let mut next = |length: usize| {
            let (value, after) = rest.split_at_checked(length).ok_or(Broken)?;
            *rest = after;
            Ok(value)
        };
        let value = match size {
            Size::Fixed(size) => next(size)?,
            Size::Prefixed => {
                let length = next(4)?.first_chunk().ok_or(Broken)?;
                next(u32::from_le_bytes(*length) as usize)?
            }
        };
        Ok(self.kind.plain(self.descriptor.physical_type(), value))
    }

    /// Reads a page of places in a dictionary.
    fn coded(&mut self, data: &Data, entries: &Entries<T>) -> Result<(), ParquetError> {
        let rows = self.rows(data)?;
        let present = rows.as_ref().map_or(data.count, Vec::len);
        let (&width, places) = data.values.split_first().unwrap_or((&0, &[]));
        let Entries { values, mistakes } = entries;
        let mut next = 0..present;
        let start = self.done;
        runs::each::<ParquetError>(places, width, present, |run| {
            if mistakes.is_empty() && rows.is_none() {
                let done = start + next.start;
                match run {
                    Run::Same(place, count) => {
                        let value = values.get(place as usize).ok_or(Broken)?;
                        self.to[done..done + count].fill(*value);
                        next.start += count;
                    }
                    Run::Each(places) => {
                        for (to, &place) in self.to[done..].iter_mut().zip(places) {
                            *to = *values.get(place as usize).ok_or(Broken)?;
                        }
                        next.start += places.len();
                    }
                }
                return Ok(());
            }
            let mut each = |place: u32, value: usize| {
                let row = rows.as_ref().map_or(start + value, |rows| rows[value]);
                self.to[row] = *values.get(place as usize).ok_or(Broken)?;
                if let Some(Some((expected, found))) = mistakes.get(place as usize) {
                    (self.fault)(row, expected.clone(), found.clone());
                }
                Ok(())
            };
            match run {
                Run::Same(place, count) => {
                    next.by_ref().take(count).try_for_each(|value| each(place, value))
                }
                Run::Each(places) => places
                    .iter()
                    .zip(next.by_ref())
                    .try_for_each(|(&place, value)| each(place, value)),
            }
        })?;
        self.done += data.count;
        Ok(())
    }

    /// Reads a page of plain values.
    fn plain(&mut self, data: &Data) -> Result<(), ParquetError> {
        let rows = self.rows(data)?;
        let size = size(&self.descriptor).ok_or(Broken)?;
        let physical = self.descriptor.physical_type();
        let mut rest: &[u8] = &data.values;
        match (rows, size) {
            (None, Size::Fixed(size)) => {
                let values = rest.get(..size * data.count).ok_or(Broken)?;
                let kind = self.kind;
                // With the type known, what a value means is.
                match physical {
                    Type::DOUBLE if self.all_at_once(values) => {}
                    Type::DOUBLE => {
                        self.fixed(values, |value| Value::Float(f64::from_le_bytes(value)));
                    }
                    Type::INT64 => {
                        self.fixed(values, |value| kind.integer(i64::from_le_bytes(value)));
                    }
                    Type::INT32 => {
                        self.fixed(values, |value| kind.integer(i32::from_le_bytes(value).into()));
                    }
                    _ => {
                        for (row, value) in (self.done..).zip(values.chunks_exact(size)) {
                            self.put(row, kind.plain(physical, value));
                        }
                    }
                }
            }
            (None, _) => {
                for row in self.done..self.done + data.count {
                    let value = self.take(&mut rest, size)?;
                    self.put(row, value);
                }
            }
            (Some(rows), _) => {
                for row in rows {
                    let value = self.take(&mut rest, size)?;
                    self.put(row, value);
                }
            }
        }
        self.done += data.count;
        Ok(())
    }

    /// The rows of a page that have a value, and does what the others need; none if all have.
    fn rows(&mut self, data: &Data) -> Result<Option<Vec<usize>>, ParquetError> {
        let Some(levels) = &data.levels else { return Ok(None) };
        let mut row = self.done;
        let mut rows = Vec::new();
        let mut all = false;
        runs::each::<ParquetError>(levels, 1, data.count, |run| {
            match run {
                Run::Same(level, count) if level > 0 && count == data.count => all = true,
                Run::Same(level, count) => {
                    if level > 0 {
                        rows.extend(row..row + count);
                    }
                    row += count;
                }
                Run::Each(levels) => {
                    rows.extend(
                        (row..).zip(levels).filter(|(_, level)| **level > 0).map(|(row, _)| row),
                    );
                    row += levels.len();
                }
            }
            Ok(())
        })?;
        if all || rows.len() == data.count {
            return Ok(None);
        }
        let mut present = rows.iter().copied().peekable();
        for row in self.done..self.done + data.count {
            if present.next_if_eq(&row).is_none() {
                self.put(row, Value::Null);
            }
        }
        Ok(Some(rows))
    }

    /// Puts doubles, if what they mean can be told of all at once.
    fn all_at_once(&mut self, bytes: &[u8]) -> bool {
        let Some(convert) = self.doubles else { return false };
        let (values, _) = bytes.as_chunks();
        let to = self.to.get_mut(self.done..self.done + values.len());
        to.is_some_and(|to| convert(values, to))
    }

    /// Puts values that each take as many bytes.
    fn fixed<const SIZE: usize>(
        &mut self,
        bytes: &[u8],
        meaning: impl Fn([u8; SIZE]) -> Value<'static>,
    ) {
        for (row, value) in (self.done..).zip(bytes.as_chunks::<SIZE>().0) {
            self.put(row, meaning(*value));
        }
    }

    #[inline]
    fn put(&mut self, row: usize, value: Value<'_>) {
        self.to[row] = match (self.convert)(value) {
            Ok(value) => value,
            Err(expected) => {
                (self.fault)(row, expected, value.show());
                self.instead
            }
        };
    }

    /// Reads pages that the crate decodes.
    fn rest(&mut self, pages: Box<dyn PageReader>) -> Result<(), ParquetError> {
        let kind = self.kind;
        match get_column_reader(self.descriptor.clone(), pages) {
            ColumnReader::BoolColumnReader(reader) => {
                self.typed(reader, |value| Value::Text(if *value { b"true" } else { b"false" }))
            }
            ColumnReader::Int32ColumnReader(reader) => {
                self.typed(reader, |value| kind.integer(i64::from(*value)))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                self.typed(reader, |value| kind.integer(*value))
            }
            ColumnReader::FloatColumnReader(reader) => {
                self.typed(reader, |value| Value::single(*value))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                self.typed(reader, |value| Value::Float(*value))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                self.typed(reader, |value| kind.bytes(value.data()))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                self.typed(reader, |value| kind.bytes(value.data()))
            }
            ColumnReader::Int96ColumnReader(reader) => {
                self.typed(reader, |value| Value::spark_time(value.data()[2]))
            }
        }
    }

    fn typed<D: DataType>(
        &mut self,
        mut reader: ColumnReaderImpl<D>,
        meaning: impl for<'v> Fn(&'v D::T) -> Value<'v>,
    ) -> Result<(), ParquetError> {
        let optional = self.descriptor.max_def_level() > 0;
        let (mut values, mut levels) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        loop {
            values.clear();
            levels.clear();
            let wanted = optional.then_some(&mut levels);
            let (records, _, _) = reader.read_records(BATCH, wanted, None, &mut values)?;
            if records == 0 {
                return Ok(());
            }
            self.grow(records)?;
            let mut known = values.iter();
            for place in 0..records {
                let has_value = levels.get(place).is_none_or(|level| *level > 0);
                let value = if has_value { known.next() } else { None };
                self.put(self.done + place, value.map_or(Value::Null, &meaning));
            }
            self.done += records;
        }
    }
}

/// How long plain values are.
#[derive(Clone, Copy)]
enum Size {
    Fixed(usize),
    /// Four bytes say it.
    Prefixed,
}

/// None for what the crate decodes: bits, and bytes of fixed length, of which there are old files
/// with other lengths.
fn size(descriptor: &ColumnDescPtr) -> Option<Size> {
    match descriptor.physical_type() {
        Type::INT32 | Type::FLOAT => Some(Size::Fixed(4)),
        Type::INT64 | Type::DOUBLE => Some(Size::Fixed(8)),
        Type::INT96 => Some(Size::Fixed(12)),
        Type::BYTE_ARRAY => Some(Size::Prefixed),
        Type::BOOLEAN | Type::FIXED_LEN_BYTE_ARRAY => None,
    }
}
