//! The chart that `--chart` writes.

use std::path::Path;

use mcp_charts::{Chart, ChartError, Theme, png, svg};

use crate::exit::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Svg,
    Png,
}

/// The format that a file's name asks for.
pub(super) fn format(file: &Path) -> Result<Format, Failure> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => Err(Failure::usage(format!(
            "--chart {}: the name of a chart ends in .svg or .png",
            file.display()
        ))),
    }
}

pub(super) fn draw(format: Format, chart: &Chart) -> Result<Vec<u8>, Failure> {
    let cannot = |error: ChartError| Failure::local(format!("cannot draw the chart: {error}"));
    match format {
        Format::Svg => svg(chart, Theme::Light).map(String::into_bytes).map_err(cannot),
        Format::Png => png(chart, Theme::Light).map_err(cannot),
    }
}
