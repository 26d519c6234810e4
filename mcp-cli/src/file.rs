//! Files that are the user's: nothing is written over without a copy of what was there.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::exit::Failure;

/// What became of a file.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) is_changed: bool,
    /// Where its former content is.
    pub(crate) backup: Option<PathBuf>,
}

/// The content of a file, if it is there.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", path, &error)),
    }
}

/// Has a file hold a text, and keeps what it held beside it. One that holds it already is left alone.
pub(crate) fn put(path: &Path, text: &str) -> Result<Change, Failure> {
    // A link's target is what is replaced, not the link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = match fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot("read", path, &error)),
    };
    if old.as_deref() == Some(text.as_bytes()) {
        return Ok(Change { is_changed: false, backup: None });
    }
    let backup = old.map(|_| back_up(path)).transpose()?;
    replace(path, text)?;
    Ok(Change { is_changed: true, backup })
}

/// Copies a file beside itself, under a name that is free.
fn back_up(path: &Path) -> Result<PathBuf, Failure> {
    for number in 0_u32.. {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 0 { ".bak".to_owned() } else { format!(".bak{number}") });
        let backup = PathBuf::from(name);
        match fs::OpenOptions::new().write(true).create_new(true).open(&backup) {
            Ok(_) => {
                // Copies the permissions along: settings hold secrets.
                fs::copy(path, &backup).map_err(|error| cannot("write", &backup, &error))?;
                return Ok(backup);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot("write", &backup, &error)),
        }
    }
    Err(Failure::local("there is no free name for a backup"))
}

/// Replaces a file by another, at once: whoever reads it sees one of the two.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |error: io::Error| cannot("write", path, &error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)?;
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions()).map_err(cannot)?;
    }
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::local(format!("cannot {what} {}: {error}", path.display()))
}
