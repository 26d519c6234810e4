//! The pages of a column in a row group, in memory that is used again: the crate asks for new memory for
//! each page that it decompresses, and fills it with zeros first.

use std::{collections::VecDeque, mem, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::Compression,
    column::page::{Page, PageMetadata, PageReader},
    errors::ParquetError,
    file::{metadata::ColumnChunkMetaData, serialized_reader::SerializedPageReader},
};

use super::{
    ranges::{Ranges, Window},
    runs::Broken,
};

/// Memory for the bytes of a column, and for those of a page.
#[derive(Default)]
pub(super) struct Room {
    column: Memory,
    page: Memory,
}

/// Memory that can be used again once nobody has the bytes any more that it was used for.
#[derive(Default)]
pub(crate) struct Memory(Bytes);

/// Pages as the file has them.
pub(super) struct Pages {
    /// Those that have been looked at and are given back.
    front: VecDeque<Page>,
    rest: SerializedPageReader<Window>,
    /// Whether pages are compressed by Snappy, as most are. The crate decompresses all else.
    snappy: bool,
}

impl Memory {
    /// Has so many bytes written.
    pub(super) fn fill<E>(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        let mut bytes = mem::take(&mut self.0).try_into_mut().unwrap_or_default();
        // What is longer stays so: to make it longer again would write zeros.
        if bytes.len() < length {
            bytes.resize(length, 0);
        }
        write(&mut bytes[..length])?;
        self.0 = bytes.freeze();
        Ok(self.0.slice(..length))
    }
}

impl Room {
    /// Finds the pages of a column that has so many rows.
    pub(super) fn open<R: Ranges>(
        &mut self,
        content: &R,
        column: &ColumnChunkMetaData,
        rows: usize,
    ) -> Result<Pages, ParquetError> {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let (start, length) = (u64::try_from(start)?, usize::try_from(column.compressed_size())?);
        let bytes = content.range(start, length, &mut self.column)?;
        let window = Arc::new(Window { start, bytes });
        let snappy = column.compression() == Compression::SNAPPY;
        let rest = if snappy {
            let plain = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED);
            SerializedPageReader::new(window, &plain.build()?, rows, None)?
        } else {
            SerializedPageReader::new(window, column, rows, None)?
        };
        Ok(Pages { front: VecDeque::new(), rest, snappy })
    }

    /// What is in a page. It has to be dropped before the next one is asked for.
    pub(super) fn content(&mut self, pages: &Pages, page: &Page) -> Result<Bytes, ParquetError> {
        pages.content(page, &mut self.page)
    }
}

impl Pages {
    /// The next page, which may be compressed.
    pub(super) fn next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        match self.front.pop_front() {
            Some(page) => Ok(Some(page)),
            None => self.rest.get_next_page(),
        }
    }

    /// Gives pages back that come before all others.
    pub(super) fn give_back(&mut self, pages: impl IntoIterator<Item = Page>) {
        self.front.extend(pages);
    }

    fn content(&self, page: &Page, to: &mut Memory) -> Result<Bytes, ParquetError> {
        // So many times as long as what it is made of can no text of Snappy be: three bytes stand for 64 at most.
        const LONGEST: usize = 22;
        // The levels of these pages are never compressed.
        let (bytes, start) = match page {
            Page::DictionaryPage { buf, .. } | Page::DataPage { buf, .. } => (buf, 0),
            Page::DataPageV2 { buf, is_compressed: false, .. } => return Ok(buf.clone()),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                (buf, (*def_levels_byte_len as usize).saturating_add(*rep_levels_byte_len as usize))
            }
        };
        let (levels, compressed) = bytes.split_at_checked(start).ok_or(Broken)?;
        if !self.snappy || compressed.is_empty() {
            return Ok(bytes.clone());
        }
        let damaged = |error: snap::Error| ParquetError::External(error.into());
        let length = snap::raw::decompress_len(compressed).map_err(damaged)?;
        if length / LONGEST > compressed.len() {
            return Err(Broken.into());
        }
        to.fill(start + length, |to| {
            to[..start].copy_from_slice(levels);
            snap::raw::Decoder::new().decompress(compressed, &mut to[start..]).map_err(damaged)?;
            Ok(())
        })
    }
}

/// For the crate: pages that are decompressed.
impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let Some(mut page) = self.next_page()? else { return Ok(None) };
        let content = self.content(&page, &mut Memory::default())?;
        match &mut page {
            Page::DictionaryPage { buf, .. }
            | Page::DataPage { buf, .. }
            | Page::DataPageV2 { buf, .. } => *buf = content,
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        match self.front.front() {
            Some(page) => Ok(Some(PageMetadata {
                num_rows: None,
                num_levels: Some(page.num_values() as usize),
                is_dict: page.is_dictionary_page(),
            })),
            None => self.rest.peek_next_page(),
        }
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        match self.front.pop_front() {
            Some(_) => Ok(()),
            None => self.rest.skip_next_page(),
        }
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
