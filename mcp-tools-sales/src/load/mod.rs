//! From files to a store: all of them, or the first mistake in them.

use std::{
    fs::{self, File},
    io::{self, BufReader, Cursor, Read, Seek as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{LoadError, SalesStore};

mod blocks;
mod csv;
mod format;
mod parquet;
mod part;
mod recent;
mod records;
mod unread;
mod values;

pub use self::format::SalesFormat;
use self::{
    parquet::Opened,
    part::{Loading, Part},
};
pub(crate) use self::{
    part::Wanted,
    unread::{Days, Unread},
};

/// The format of a folder's files, in the folder.
pub(crate) const FORMAT_FILE: &str = "sales.toml";

/// What files of sales data are called.
pub(crate) const SUFFIXES: [&str; 4] = [".csv", ".csv.gz", ".csv.zst", ".parquet"];

/// What gzip and Zstandard files and Parquet files begin with.
const GZIP: &[u8] = b"\x1F\x8B";
const ZSTANDARD: &[u8] = b"\x28\xB5\x2F\xFD";
const PARQUET: &[u8] = b"PAR1";

/// A file: what errors call it, and what is in it.
pub(crate) struct Input {
    name: String,
    content: Content,
}

enum Content {
    File(File),
    #[cfg(feature = "s3")]
    Bytes(Bytes),
}

/// Loads a file or a folder. Without a format, a folder may have one in it.
pub(crate) fn open(path: &Path, format: Option<&SalesFormat>) -> Result<SalesStore, LoadError> {
    let (name, format, inputs) = find(path, format)?;
    load(name, &format, inputs)
}

/// The files of a folder, or the file: what all of it is called, how it says things, and they.
pub(crate) fn find(
    path: &Path,
    format: Option<&SalesFormat>,
) -> Result<(String, SalesFormat, Vec<Input>), LoadError> {
    let name = path.display().to_string();
    let io = |error| LoadError::io(&name, None, error);
    if !fs::metadata(path).map_err(io)?.is_dir() {
        let input = Input::file(path)?;
        return Ok((name, format.cloned().unwrap_or_default(), vec![input]));
    }
    let mut paths = Vec::new();
    collect(path, &mut paths).map_err(io)?;
    paths.sort_unstable();
    let inputs = paths.iter().map(|path| Input::file(path)).collect::<Result<Vec<_>, _>>()?;
    let found = match format {
        Some(format) => format.clone(),
        None => format_in(path)?,
    };
    Ok((name, found, inputs))
}

/// Loads what a reader has.
pub(crate) fn read(
    name: String,
    format: &SalesFormat,
    mut reader: impl Read,
) -> Result<SalesStore, LoadError> {
    let mut loading = Loading::default();
    let mut start = Vec::new();
    let io = |error| LoadError::io(&name, None, error);
    (&mut reader).take(4).read_to_end(&mut start).map_err(io)?;
    let part = if start == PARQUET {
        reader.read_to_end(&mut start).map_err(io)?;
        let content = Bytes::from(start);
        Opened::open(&name, format, &content)?.read(format, &content, Wanted::ALL, &mut loading)?
    } else {
        read_csv(&name, format, start, reader, &mut loading)?
    };
    part::join(name, format, loading, vec![part])
}

/// Loads files, which are taken together.
pub(crate) fn load(
    name: String,
    format: &SalesFormat,
    inputs: Vec<Input>,
) -> Result<SalesStore, LoadError> {
    if inputs.is_empty() {
        let expected = format!("files that end in {}", SUFFIXES.join(", "));
        return Err(LoadError::file(&name, expected, "none".to_owned()));
    }
    let mut loading = Loading::default();
    let mut parts = Vec::new();
    for input in inputs {
        parts.push(input.read(format, &mut loading)?);
    }
    part::join(name, format, loading, parts)
}

impl Input {
    pub(crate) fn file(path: &Path) -> Result<Self, LoadError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| LoadError::io(&name, None, error))?;
        Ok(Self { name, content: Content::File(file) })
    }

    /// A file that has been opened.
    #[cfg(feature = "s3")]
    pub(crate) fn opened(name: String, file: File) -> Self {
        Self { name, content: Content::File(file) }
    }

    #[cfg(feature = "s3")]
    pub(crate) fn bytes(name: String, bytes: Bytes) -> Self {
        Self { name, content: Content::Bytes(bytes) }
    }

    fn read(self, format: &SalesFormat, loading: &mut Loading) -> Result<Part, LoadError> {
        let is_parquet = self.is_parquet()?;
        let Self { name, content } = self;
        match content {
            Content::File(file) if is_parquet => {
                let opened = Opened::open(&name, format, &file)?;
                opened.read(format, &file, Wanted::ALL, loading)
            }
            Content::File(file) => read_csv(&name, format, Vec::new(), file, loading),
            #[cfg(feature = "s3")]
            Content::Bytes(bytes) if is_parquet => {
                let opened = Opened::open(&name, format, &bytes)?;
                opened.read(format, &bytes, Wanted::ALL, loading)
            }
            #[cfg(feature = "s3")]
            Content::Bytes(bytes) => {
                read_csv(&name, format, Vec::new(), Cursor::new(bytes), loading)
            }
        }
    }

    /// Whether its first bytes are those of Parquet.
    fn is_parquet(&self) -> Result<bool, LoadError> {
        let mut start = Vec::new();
        match &self.content {
            Content::File(file) => {
                let io = |error| LoadError::io(&self.name, None, error);
                let mut file = file;
                file.take(PARQUET.len() as u64).read_to_end(&mut start).map_err(io)?;
                file.rewind().map_err(io)?;
            }
            #[cfg(feature = "s3")]
            Content::Bytes(bytes) => start.extend(bytes.iter().take(PARQUET.len())),
        }
        Ok(start == PARQUET)
    }
}

/// Reads CSV, plain or compressed, of which the start may have been read already.
fn read_csv(
    name: &str,
    format: &SalesFormat,
    start: Vec<u8>,
    reader: impl Read,
    loading: &mut Loading,
) -> Result<Part, LoadError> {
    let io = |error| LoadError::io(name, None, error);
    let mut reader = reader;
    let mut start = start;
    let missing = 4_u64.saturating_sub(start.len() as u64);
    (&mut reader).take(missing).read_to_end(&mut start).map_err(io)?;
    let magic = start.clone();
    let all = Cursor::new(start).chain(reader);
    if magic.starts_with(GZIP) {
        csv::read(name, format, flate2::read::MultiGzDecoder::new(all), loading)
    } else if magic.starts_with(ZSTANDARD) {
        let decoder = zstd::stream::read::Decoder::new(BufReader::new(all)).map_err(io)?;
        csv::read(name, format, decoder, loading)
    } else {
        csv::read(name, format, all, loading)
    }
}

/// The format that a folder has in it, or the default one.
fn format_in(folder: &Path) -> Result<SalesFormat, LoadError> {
    let path = folder.join(FORMAT_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => SalesFormat::named(&path.display().to_string(), &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(SalesFormat::default()),
        Err(error) => Err(LoadError::io(&path.display().to_string(), None, error)),
    }
}

impl SalesFormat {
    /// Reads a `sales.toml`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is no TOML, or sets what there is not.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| LoadError::io(&name, None, error))?;
        Self::named(&name, &text)
    }
}

/// Files of sales data in a folder and those in it. Hidden ones, and those that begin with an
/// underscore as the marks of other programs do, are passed over.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(['.', '_']) {
            continue;
        }
        let path = entry.path();
        if fs::metadata(&path)?.is_dir() {
            collect(&path, paths)?;
        } else if is_sales(&name) {
            paths.push(path);
        }
    }
    Ok(())
}

/// Whether a file of this name holds sales data.
pub(crate) fn is_sales(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}
