use crate::{Chart, ChartError, svg};

/// The page of an MCP App (`ui://…`) that shows charts: HTML with its style and script in it, which
/// fetches nothing, so that it works under the strictest policy that hosts have.
///
/// It shows the chart in the result of the call that it is shown for: an embedded resource of
/// `image/svg+xml` with a [`fragment`](crate::fragment). A result without one is asked for again
/// through the host, with the argument `chart` = `"svg"` added, so that models whose clients show
/// charts themselves do not have to carry them. It follows the host's theme, reacts to pointer and
/// arrow keys, and hides a series whose name is clicked.
pub const APP: &str = concat!(
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Chart</title><style>",
    include_str!("app.css"),
    "</style></head><body><main id=\"chart\" tabindex=\"0\"></main><div id=\"tip\" hidden></div><script>",
    include_str!("app.js"),
    "</script></body></html>"
);

/// A page with one chart, for a browser: as interactive as [`APP`], and complete in itself.
///
/// # Errors
///
/// As [`svg`](crate::svg()).
pub fn page(chart: &Chart) -> Result<String, ChartError> {
    let main = "<main id=\"chart\" tabindex=\"0\">";
    let fragment = svg::fragment(chart)?;
    Ok(APP.replacen(main, &format!("{main}{fragment}"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Theme, theme::Ink};

    #[test]
    fn the_page_has_the_colors_of_both_themes() {
        for ink in Ink::all() {
            for theme in [Theme::Light, Theme::Dark] {
                let declared = format!("--{}:#{:06x}", ink.name(), ink.color(theme));
                assert!(APP.contains(&declared), "{declared} is missing in app.css");
            }
        }
    }

    #[test]
    fn the_page_fetches_nothing() {
        for outside in ["src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest", "eval("] {
            assert!(!APP.contains(outside), "{outside}");
        }
    }
}
