use mcp_charts::{Chart, Kind, Series, X};
use mcp_core::apps::App;

use super::{About, one_line};

/// The app that shows the charts of all tools.
pub(crate) const APP: &str = "ui://sales/chart";

/// A bar for each name, as many as a chart has room for.
pub(super) fn bars<'a>(
    title: String,
    about: &About,
    y_label: String,
    values: impl IntoIterator<Item = (&'a str, f64)>,
) -> Chart {
    let (names, values): (Vec<String>, Vec<Option<f64>>) =
        values.into_iter().take(60).map(|(name, value)| (one_line(name), Some(value))).unzip();
    Chart {
        title,
        subtitle: about.heading(),
        x: X::Categories(names),
        series: vec![Series::new(y_label.clone(), values)],
        y_label,
        kind: Kind::Bars,
        ..Chart::default()
    }
}

/// The app itself.
pub(crate) fn app() -> App {
    App::new(APP, "sales-chart", mcp_charts::APP)
        .title("Sales chart")
        .description("Shows the chart of an answer, with values where the pointer is.")
        .prefers_border(true)
}
