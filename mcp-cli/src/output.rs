use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, TableStyle};
use serde::Serialize;

use crate::exit::Failure;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();

/// Prints lines for people; colours go to terminals alone.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    told(writeln!(stdout, "{}", text.trim_end_matches('\n')))
}

/// Prints one JSON document.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::local(format!("cannot write JSON: {error}")))?;
    told(writeln!(io::stdout().lock(), "{text}"))
}

/// A reader that has gone, such as `head`, has all that it wanted.
fn told(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::local(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn complain(failure: &Failure) {
    anstream::eprintln!("{RED}error{RED:#}: {failure}");
}

/// Rows, as wide as the terminal allows.
pub(crate) fn table<const COLUMNS: usize>(
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
    table.add_rows(rows);
    table.trim_fmt()
}
