use std::fmt::Write as _;

use crate::{
    Chart, ChartError, Theme, font, layout,
    scene::{Anchor, Scene, Shape, Text},
    theme::Ink,
};

/// A chart as an SVG document.
///
/// It names no resource of anybody else, runs no script, and asks for fonts that are as wide as the one
/// that it was laid out with. Names from data are escaped.
///
/// # Errors
///
/// When the description does not fit together or exceeds a limit of [`Chart`].
pub fn svg(chart: &Chart, theme: Theme) -> Result<String, ChartError> {
    let scene = layout::layout(chart)?;
    Ok(document(&scene, &|ink| ink.hex(theme)))
}

fn document(scene: &Scene, color: &dyn Fn(Ink) -> String) -> String {
    let mut out = String::with_capacity(scene.shapes.len() * 96 + 512);
    let (width, height) = (scene.width, scene.height);
    // Writing to a string does not fail.
    let _ = write!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{}" role="img"><title>{}</title><rect width="{width}" height="{height}" fill="{}"/>"#,
        font::FAMILY,
        escape(&scene.title),
        color(Ink::Paper)
    );
    for shape in &scene.shapes {
        let _ = write_shape(&mut out, shape, color);
    }
    out.push_str("</svg>");
    out
}

fn write_shape(out: &mut String, shape: &Shape, color: &dyn Fn(Ink) -> String) -> std::fmt::Result {
    match shape {
        Shape::Rect { area, ink, group } => {
            let class = class(*group);
            write!(
                out,
                r#"<rect{class} x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{}"/>"#,
                area.x,
                area.y,
                area.width,
                area.height,
                color(*ink)
            )
        }
        Shape::Line { points, ink, width, dashed, group } => {
            let class = class(*group);
            let dash = if *dashed { r#" stroke-dasharray="6 4""# } else { "" };
            write!(
                out,
                r#"<path{class} d="{}" fill="none" stroke="{}" stroke-width="{width}" stroke-linejoin="round"{dash}/>"#,
                path(points),
                color(*ink)
            )
        }
        Shape::Fill { points, ink, opacity, group } => {
            let class = class(*group);
            write!(
                out,
                r#"<path{class} d="{}Z" fill="{}" fill-opacity="{opacity}"/>"#,
                path(points),
                color(*ink)
            )
        }
        Shape::Dot { at, radius, ink, group } => {
            let class = class(*group);
            write!(
                out,
                r#"<circle{class} cx="{:.1}" cy="{:.1}" r="{radius}" fill="{}"/>"#,
                at.0,
                at.1,
                color(*ink)
            )
        }
        Shape::Text(text) => write_text(out, text, color),
        Shape::Tip { area, text } => write!(
            out,
            r#"<rect class="tip" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" fill="transparent"><title>{}</title></rect>"#,
            area.x,
            area.y,
            area.width,
            area.height,
            escape(text)
        ),
    }
}

fn write_text(out: &mut String, text: &Text, color: &dyn Fn(Ink) -> String) -> std::fmt::Result {
    let anchor = match text.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    let name =
        text.group.map(|group| format!(r#" class="name" data-g="{group}""#)).unwrap_or_default();
    write!(
        out,
        r#"<text{name} x="{:.1}" y="{:.1}" font-size="{}" text-anchor="{anchor}" fill="{}">{}</text>"#,
        text.at.0,
        text.at.1,
        text.size,
        color(text.ink),
        escape(&text.content)
    )
}

fn class(group: Option<usize>) -> String {
    group.map(|group| format!(r#" class="g{group}""#)).unwrap_or_default()
}

fn path(points: &[(f32, f32)]) -> String {
    let mut path = String::with_capacity(points.len() * 13);
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
    }
    path
}

/// Text as XML has it, without the control characters that XML cannot have.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push('\n'),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
