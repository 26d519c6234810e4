use crate::{Chart, ChartError, Theme, svg};

/// The page of an MCP App (`ui://…`) that shows charts: HTML with its style and script in it, which
/// fetches nothing, so that it works under the strictest policy that hosts have.
///
/// It shows the chart in the result of the call that it is shown for: an embedded resource of
/// `image/svg+xml` with a light [`svg`](crate::svg()). A result without one is asked for again
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
    let svg = svg::svg(chart, Theme::Light)?;
    Ok(APP.replacen(main, &format!("{main}{svg}"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Ink;

    #[test]
    fn the_page_has_a_dark_color_for_each_light_one() {
        for ink in Ink::all() {
            let (light, dark) = (ink.hex(Theme::Light), ink.hex(Theme::Dark));
            for property in ["fill", "stroke"] {
                let rule =
                    format!("[{property}='{light}']{{{property}:var(--c{},{light})}}", &light[1..]);
                assert!(APP.contains(&rule), "{rule} is missing in app.css");
            }
            assert_eq!(APP.matches(&format!("--c{}:{dark}", &light[1..])).count(), 2, "{light}");
        }
    }

    #[test]
    fn the_page_fetches_nothing() {
        for outside in ["src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest", "eval("] {
            assert!(!APP.contains(outside), "{outside}");
        }
    }
}
