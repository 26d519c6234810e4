/// Which background a chart is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

/// What something is drawn with; a theme knows its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Paper,
    Text,
    Faint,
    Grid,
    /// What is pointed out.
    Mark,
    /// The n-th series.
    Series(usize),
}

/// How many series have a color of their own.
const COLORS: usize = 12;

/// Colors of series. Neighbours differ in lightness as well as in hue, for those who see few hues;
/// each has a contrast to its paper of at least 3:1 (WCAG 2.2, 1.4.11), which a test computes.
const LIGHT: [u32; COLORS] = [
    0x1f5fa8, 0xc75b12, 0x11845b, 0xa8326e, 0x7a6a00, 0x5b4bd0, 0x2f4858, 0xb3261e, 0x0e8a9c,
    0x6f3f1c, 0x9a3fc4, 0x76808a,
];
const DARK: [u32; COLORS] = [
    0x6cb2ff, 0xffa45c, 0x4fd0a0, 0xff8fc4, 0xe0cf5a, 0xb0a6ff, 0xa9bccb, 0xff8a80, 0x4fd8ee,
    0xc79a78, 0xdf9bff, 0x8b949e,
];

impl Ink {
    /// Red, green and blue, a byte each.
    pub(crate) fn color(self, theme: Theme) -> u32 {
        let (light, dark) = match self {
            Self::Paper => (0xffffff, 0x16181d),
            Self::Text => (0x1c2024, 0xeceff3),
            Self::Faint => (0x5a636d, 0xa3acb7),
            Self::Grid => (0xdfe3e8, 0x343a43),
            Self::Mark => (0xc01818, 0xff7b72),
            Self::Series(index) => (LIGHT[index % COLORS], DARK[index % COLORS]),
        };
        match theme {
            Theme::Light => light,
            Theme::Dark => dark,
        }
    }

    /// The color as CSS and SVG have it.
    pub(crate) fn hex(self, theme: Theme) -> String {
        format!("#{:06x}", self.color(theme))
    }

    /// All there are.
    #[cfg(test)]
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::Paper, Self::Text, Self::Faint, Self::Grid, Self::Mark]
            .into_iter()
            .chain((0..COLORS).map(Self::Series))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: u32) -> f64 {
        let channel = |shift: u32| {
            let value = f64::from(color >> shift & 0xff) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
    }

    fn contrast(ink: Ink, theme: Theme) -> f64 {
        let (a, b) = (luminance(ink.color(theme)), luminance(Ink::Paper.color(theme)));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_series_stand_out_from_the_paper() {
        for theme in [Theme::Light, Theme::Dark] {
            for ink in [Ink::Text, Ink::Faint, Ink::Mark] {
                assert!(contrast(ink, theme) >= 4.5, "{ink:?} {theme:?}");
            }
            for index in 0..COLORS {
                assert!(contrast(Ink::Series(index), theme) >= 3.0, "{index} {theme:?}");
            }
        }
    }
}
