use std::io::Cursor;

use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::compressing;

/// A zip with the program as `bootstrap`, which a custom runtime's entry point is called. The same
/// program makes the same zip, whenever it is made.
pub(super) fn of(program: &[u8]) -> Result<Vec<u8>, ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    compressing::write(program, &mut zip)?;
    Ok(zip.finish()?.into_inner())
}
