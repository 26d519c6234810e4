//! A file that several threads read at once.

use std::{fs::File, io};

use bytes::{Buf as _, Bytes};
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

use super::pages::Memory;

/// Bytes of which any part can be read, by any number of threads at once. The crate's own reader of a
/// [`File`] moves a position that all threads share.
pub(crate) trait Ranges: ChunkReader {
    /// Reads into room, if they are not in memory.
    fn range(&self, start: u64, length: usize, room: &mut Memory) -> io::Result<Bytes>;
}

impl Ranges for File {
    fn range(&self, start: u64, length: usize, room: &mut Memory) -> io::Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        room.fill(length, |bytes| read_exact_at(self, bytes, start))
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, to: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut to: &mut [u8], mut start: u64) -> io::Result<()> {
    while !to.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, to, start)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                to = &mut to[read..];
                start += read as u64;
            }
        }
    }
    Ok(())
}

impl Ranges for Bytes {
    fn range(&self, start: u64, length: usize, _: &mut Memory) -> io::Result<Bytes> {
        usize::try_from(start)
            .ok()
            .and_then(|start| part(self, start, length))
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn part(bytes: &Bytes, start: usize, length: usize) -> Option<Bytes> {
    let end = start.checked_add(length).filter(|end| *end <= Bytes::len(bytes))?;
    Some(bytes.slice(start..end))
}

/// A part of a file, where places count from the file's beginning.
pub(super) struct Window {
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.start + Bytes::len(&self.bytes) as u64
    }
}

impl ChunkReader for Window {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let start = self.place(start)?;
        Ok(self.bytes.slice(start..).reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        part(&self.bytes, self.place(start)?, length).ok_or_else(outside)
    }
}

impl Window {
    fn place(&self, start: u64) -> Result<usize, ParquetError> {
        let place = start.checked_sub(self.start).and_then(|place| usize::try_from(place).ok());
        place.filter(|place| *place <= Bytes::len(&self.bytes)).ok_or_else(outside)
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("a page outside of its column".into())
}
