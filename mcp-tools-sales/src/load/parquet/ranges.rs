//! A file that several threads read at once.

use std::{fs::File, io};

use bytes::{Buf as _, Bytes};
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

/// Bytes of which any part can be read, by any number of threads at once. The crate's own reader of a
/// [`File`] moves a position that all threads share.
pub(crate) trait Ranges: ChunkReader {
    fn range(&self, start: u64, length: usize) -> io::Result<Bytes>;
}

impl Ranges for File {
    fn range(&self, start: u64, length: usize) -> io::Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; length];
        read_exact_at(self, &mut bytes, start)?;
        Ok(bytes.into())
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
    fn range(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let start = usize::try_from(start).ok();
        let end = start.and_then(|start| start.checked_add(length));
        match (start, end) {
            (Some(start), Some(end)) if end <= Bytes::len(self) => Ok(self.slice(start..end)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
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
        Ok(self.bytes.range(self.place(start)? as u64, length)?)
    }
}

impl Window {
    fn place(&self, start: u64) -> Result<usize, ParquetError> {
        let place = start.checked_sub(self.start).and_then(|place| usize::try_from(place).ok());
        place
            .filter(|place| *place <= Bytes::len(&self.bytes))
            .ok_or_else(|| ParquetError::EOF("a page outside of its column".into()))
    }
}
