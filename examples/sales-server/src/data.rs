//! Where the server's data comes from.

use std::env;

use mcp_tools_sales::{LoadError, SalesStore};

/// Part of the program, so that it runs from any directory.
const SAMPLE: &[u8] = include_bytes!("../data/sales.csv");

/// The CSV file that `SALES_DATA` names, or the sample.
pub(crate) fn store() -> Result<SalesStore, LoadError> {
    match env::var_os("SALES_DATA") {
        Some(path) if !path.is_empty() => SalesStore::open(path),
        _ => SalesStore::from_reader("the sample data", SAMPLE),
    }
}
