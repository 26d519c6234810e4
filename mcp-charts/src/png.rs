use tiny_skia::{
    Color, FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash,
    Transform,
};
use ttf_parser::OutlineBuilder;

use crate::{
    Chart, ChartError, Theme, font, layout,
    scene::{Shape, Text},
    theme::Ink,
};

/// Pixels of the image for each of the layout's: sharp on today's displays.
const DENSITY: f32 = 2.0;

/// A chart as a PNG image, 1,600 pixels wide.
///
/// Characters beyond Latin, Greek and Cyrillic are not in the embedded font; they are boxes here,
/// and as they should be in [`svg`](crate::svg).
///
/// # Errors
///
/// When the description does not fit together or exceeds a limit of [`Chart`].
pub fn png(chart: &Chart, theme: Theme) -> Result<Vec<u8>, ChartError> {
    let scene = layout::layout(chart)?;
    let size = |length: f32| (length * DENSITY).ceil() as u32;
    let mut canvas = Canvas {
        pixmap: Pixmap::new(size(scene.width), size(scene.height))
            .ok_or_else(|| ChartError::new("the chart is too large for an image"))?,
        theme,
    };
    canvas.pixmap.fill(color(Ink::Paper, theme, 1.0));
    for shape in &scene.shapes {
        canvas.draw(shape);
    }
    canvas.pixmap.encode_png().map_err(|_| ChartError::new("the image could not be written"))
}

struct Canvas {
    pixmap: Pixmap,
    theme: Theme,
}

impl Canvas {
    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Rect { area, ink, .. } => {
                let rect = Rect::from_xywh(area.x, area.y, area.width, area.height);
                self.fill(rect.map(PathBuilder::from_rect), *ink, 1.0);
            }
            Shape::Line { points, ink, width, dashed, .. } => {
                let dash = if *dashed { StrokeDash::new(vec![6.0, 4.0], 0.0) } else { None };
                let stroke =
                    Stroke { width: *width, line_join: LineJoin::Round, dash, ..Stroke::default() };
                if let Some(path) = path(points, false) {
                    let paint = paint(*ink, self.theme, 1.0);
                    self.pixmap.stroke_path(&path, &paint, &stroke, scaled(), None);
                }
            }
            Shape::Fill { points, ink, opacity, .. } => {
                self.fill(path(points, true), *ink, *opacity);
            }
            Shape::Dot { at, radius, ink, .. } => {
                self.fill(PathBuilder::from_circle(at.0, at.1, *radius), *ink, 1.0);
            }
            Shape::Text(text) => self.text(text),
            Shape::Tip { .. } => {}
        }
    }

    fn fill(&mut self, path: Option<Path>, ink: Ink, opacity: f32) {
        if let Some(path) = path {
            let paint = paint(ink, self.theme, opacity);
            self.pixmap.fill_path(&path, &paint, FillRule::Winding, scaled(), None);
        }
    }

    fn text(&mut self, text: &Text) {
        let mut outline = Outline {
            path: PathBuilder::new(),
            at: (text.left(), text.at.1),
            unit: font::unit(text.size),
        };
        font::outline(&text.content, text.size, &mut outline);
        self.fill(outline.path.finish(), text.ink, 1.0);
    }
}

/// Glyphs where they stand in the image.
pub(crate) struct Outline {
    path: PathBuilder,
    pub(crate) at: (f32, f32),
    unit: f32,
}

impl Outline {
    fn x(&self, x: f32) -> f32 {
        self.at.0 + x * self.unit
    }

    fn y(&self, y: f32) -> f32 {
        self.at.1 - y * self.unit
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x(x), self.y(y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x(x), self.y(y));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.path.quad_to(self.x(x1), self.y(y1), self.x(x), self.y(y));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let (a, b, c) = ((x1, y1), (x2, y2), (x, y));
        self.path.cubic_to(
            self.x(a.0),
            self.y(a.1),
            self.x(b.0),
            self.y(b.1),
            self.x(c.0),
            self.y(c.1),
        );
    }

    fn close(&mut self) {
        self.path.close();
    }
}

fn path(points: &[(f32, f32)], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (index, (x, y)) in points.iter().enumerate() {
        if index == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn paint(ink: Ink, theme: Theme, opacity: f32) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(color(ink, theme, opacity));
    paint
}

fn color(ink: Ink, theme: Theme, opacity: f32) -> Color {
    let [_, red, green, blue] = ink.color(theme).to_be_bytes();
    Color::from_rgba8(red, green, blue, (opacity * 255.0).round() as u8)
}

fn scaled() -> Transform {
    Transform::from_scale(DENSITY, DENSITY)
}
