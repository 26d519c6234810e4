//! How wide text is, and what it looks like.

use std::sync::LazyLock;

use ttf_parser::Face;

use crate::png::Outline;

static FACE: LazyLock<Face<'static>> = LazyLock::new(|| {
    Face::parse(include_bytes!("../font/Arimo-Subset.ttf"), 0)
        .unwrap_or_else(|_| unreachable!("the font in this crate can be read"))
});

/// What an SVG asks for: the embedded font, and those that are as wide.
pub(crate) const FAMILY: &str = "Arimo, Arial, Helvetica, 'Liberation Sans', sans-serif";

/// The part of the font size that is above the baseline, for capitals and figures.
pub(crate) const CAP: f32 = 0.72;

/// The part of the font size that is below the baseline.
#[cfg(test)]
pub(crate) const DESCENT: f32 = 0.21;

/// How wide a text is in a size.
pub(crate) fn width(text: &str, size: f32) -> f32 {
    text.chars().map(|c| advance(c, size)).sum()
}

/// The text, or as much of its beginning as fits a width, with an ellipsis.
pub(crate) fn fit(text: &str, size: f32, most: f32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut left = most - advance('…', size);
    let fits = |c: &char| {
        left -= advance(*c, size);
        left >= 0.0
    };
    let beginning: String = text.chars().take_while(fits).collect();
    if beginning.is_empty() {
        return String::new();
    }
    format!("{}…", beginning.trim_end())
}

/// Hands a text's outlines to a builder, one glyph after the other, y upwards.
pub(crate) fn outline(text: &str, size: f32, builder: &mut Outline) {
    for c in text.chars() {
        // Without a glyph the font's own sign of that is drawn.
        FACE.outline_glyph(glyph(c).unwrap_or_default(), builder);
        builder.at.0 += advance(c, size);
    }
}

/// How large a unit of the font is in a size.
pub(crate) fn unit(size: f32) -> f32 {
    size / f32::from(FACE.units_per_em())
}

fn advance(c: char, size: f32) -> f32 {
    // What the font does not have may be as wide as it is high in the font that has it.
    glyph(c)
        .and_then(|glyph| FACE.glyph_hor_advance(glyph))
        .map_or(size, |advance| f32::from(advance) * unit(size))
}

fn glyph(c: char) -> Option<ttf_parser::GlyphId> {
    FACE.glyph_index(c)
}
