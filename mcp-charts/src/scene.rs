//! What is drawn: a list of shapes, in pixels from the upper left corner.

use crate::{font, theme::Ink};

#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// What a reader who does not see it is told.
    pub(crate) title: String,
    pub(crate) shapes: Vec<Shape>,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Rect {
        area: Area,
        ink: Ink,
        group: Option<usize>,
    },
    Line {
        points: Vec<(f32, f32)>,
        ink: Ink,
        width: f32,
        dashed: bool,
        group: Option<usize>,
    },
    Fill {
        points: Vec<(f32, f32)>,
        ink: Ink,
        opacity: f32,
        group: Option<usize>,
    },
    Dot {
        at: (f32, f32),
        radius: f32,
        ink: Ink,
        group: Option<usize>,
    },
    Text(Text),
    /// Where a pointer finds a text, and the x of what it is about.
    Tip {
        area: Area,
        text: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Where the baseline begins, ends or has its middle.
    pub(crate) at: (f32, f32),
    pub(crate) anchor: Anchor,
    pub(crate) size: f32,
    pub(crate) ink: Ink,
    pub(crate) content: String,
    /// The series that it is the name of, in a legend.
    pub(crate) group: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Text {
    pub(crate) fn left(&self) -> f32 {
        let width = font::width(&self.content, self.size);
        match self.anchor {
            Anchor::Start => self.at.0,
            Anchor::Middle => self.at.0 - width / 2.0,
            Anchor::End => self.at.0 - width,
        }
    }

    #[cfg(test)]
    pub(crate) fn area(&self) -> Area {
        Area {
            x: self.left(),
            y: self.at.1 - self.size * font::CAP,
            width: font::width(&self.content, self.size),
            height: self.size * (font::CAP + font::DESCENT),
        }
    }
}

impl Scene {
    pub(crate) fn text(
        &mut self,
        at: (f32, f32),
        anchor: Anchor,
        size: f32,
        ink: Ink,
        content: impl Into<String>,
    ) {
        let content = content.into();
        if !content.is_empty() {
            self.shapes.push(Shape::Text(Text { at, anchor, size, ink, content, group: None }));
        }
    }

    pub(crate) fn line(&mut self, points: Vec<(f32, f32)>, ink: Ink, width: f32) {
        self.shapes.push(Shape::Line { points, ink, width, dashed: false, group: None });
    }
}
