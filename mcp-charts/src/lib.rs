//! Charts as SVG, as PNG, and on a page for MCP Apps.
//!
//! Depend on this crate to show numbers to people. A [`Chart`] is a plain description: what the x
//! axis is of, and series of values. Text is laid out with the metrics of an embedded font, so that
//! labels do not overlap, and nothing of the system is needed.
//!
//! ```
//! use mcp_charts::{Chart, Kind, Series, Theme, X, png, svg};
//!
//! let chart = Chart {
//!     title: "Revenue by branch".into(),
//!     y_label: "Revenue (USD)".into(),
//!     x: X::Categories(vec!["Dallas".into(), "Austin".into()]),
//!     kind: Kind::Bars,
//!     series: vec![Series::new("2024", vec![Some(1_200.0), Some(800.0)])],
//!     ..Chart::default()
//! };
//! assert!(svg(&chart, Theme::Light)?.contains("Dallas"));
//! assert_eq!(&png(&chart, Theme::Dark)?[1..4], b"PNG");
//! # Ok::<(), mcp_charts::ChartError>(())
//! ```

#[cfg(feature = "answers")]
mod answer;
mod app;
mod chart;
mod font;
mod layout;
mod png;
mod scale;
mod scene;
mod svg;
mod theme;

#[cfg(feature = "answers")]
pub use crate::answer::{ChartFormat, WithChart};
pub use crate::{
    app::{APP, page},
    chart::{Band, Chart, ChartError, Kind, Mark, Series, X},
    png::png,
    svg::svg,
    theme::Theme,
};
