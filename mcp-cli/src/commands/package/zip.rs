use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

/// Beyond 9, zlib's best, it is so many rounds of Zopfli: here five, of which each takes about a second
/// for a program of 5 MB. Fifteen more save a hundredth of a percent.
const LEVEL: i64 = 9 + 5;

/// A zip with the program as `bootstrap`, which a custom runtime's entry point is called. The same
/// program makes the same zip, whenever it is made.
pub(super) fn of(program: &[u8]) -> Result<Vec<u8>, ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}
