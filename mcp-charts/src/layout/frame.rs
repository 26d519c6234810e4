//! Title, legend and axes.

use super::{HEIGHT, MARGIN, SMALL, TITLE, WIDTH, stacks};
use crate::{
    Chart, Kind, X, font,
    scale::{Scale, date_ticks, number},
    scene::{Anchor, Area, Scene, Shape, Text},
    theme::Ink,
};

/// Title, subtitle and legend; returns where the rest begins.
pub(super) fn heading(scene: &mut Scene, chart: &Chart) -> f32 {
    let most = WIDTH - 2.0 * MARGIN;
    let mut y = MARGIN + TITLE * font::CAP;
    let title = font::fit(&chart.title, TITLE, most);
    scene.text((MARGIN, y), Anchor::Start, TITLE, Ink::Text, title);
    if !chart.subtitle.is_empty() {
        y += 20.0;
        let subtitle = font::fit(&chart.subtitle, SMALL, most);
        scene.text((MARGIN, y), Anchor::Start, SMALL, Ink::Faint, subtitle);
    }
    legend(scene, chart, y + 12.0)
}

/// One entry beside the other, in as many lines as it takes. None where there is nothing to tell apart.
fn legend(scene: &mut Scene, chart: &Chart, top: f32) -> f32 {
    let bands = chart.series.iter().flat_map(|series| &series.bands).count();
    if chart.series.len() < 2 && bands == 0 {
        return top;
    }
    let (mut x, mut y) = (MARGIN, top + 12.0);
    for (group, series) in chart.series.iter().enumerate() {
        let mut entry = |scene: &mut Scene, name: &str, opacity: f32, dashed: bool| {
            let name = font::fit(name, SMALL, 200.0);
            let width = 22.0 + font::width(&name, SMALL) + 18.0;
            if x + width > WIDTH - MARGIN && x > MARGIN {
                (x, y) = (MARGIN, y + 19.0);
            }
            let (ink, middle) = (Ink::Series(group), y - SMALL * font::CAP / 2.0);
            let group = (opacity >= 1.0).then_some(group);
            if chart.kind == Kind::Lines && group.is_some() {
                let points = vec![(x, middle), (x + 16.0, middle)];
                scene.shapes.push(Shape::Line { points, ink, width: 2.5, dashed, group: None });
            } else {
                let points = rectangle(x, middle - 5.0, 16.0, 10.0);
                scene.shapes.push(Shape::Fill { points, ink, opacity, group: None });
            }
            scene.shapes.push(Shape::Text(Text {
                at: (x + 22.0, y),
                anchor: Anchor::Start,
                size: SMALL,
                ink: Ink::Text,
                content: name,
                group,
            }));
            x += width;
        };
        entry(scene, &series.name, 1.0, series.dashed);
        for (band, opacity) in series.bands.iter().zip(opacities()) {
            entry(scene, &band.name, opacity, false);
        }
    }
    y + 8.0
}

/// How strong bands look, the widest first.
pub(super) fn opacities() -> impl Iterator<Item = f32> {
    [0.16, 0.3, 0.4].into_iter()
}

/// Says that there is nothing to see.
pub(super) fn empty(scene: &mut Scene, top: f32) {
    let at = (WIDTH / 2.0, f32::midpoint(top, HEIGHT));
    scene.text(at, Anchor::Middle, 14.0, Ink::Faint, "There are no values to show.");
}

/// The area that values are drawn in, between an upright axis of values and one of places.
pub(super) struct Frame {
    pub(super) area: Area,
    pub(super) scale: Scale,
    places: usize,
    /// Whether a place is a band with room for bars, rather than a point.
    banded: bool,
}

impl Frame {
    pub(super) fn new(
        scene: &mut Scene,
        chart: &Chart,
        top: f32,
        banded: bool,
        stacked: bool,
    ) -> Self {
        let scale = if stacked {
            Scale::new(stacks(chart), true, 5)
        } else {
            Scale::new(chart.numbers(), banded, 5)
        };
        // What the values are stands above their axis: turned on its side, it is hard to read.
        let label = font::fit(&chart.y_label, SMALL, WIDTH - 2.0 * MARGIN);
        let mut top = top + 14.0;
        if !label.is_empty() {
            top += SMALL * font::CAP;
            scene.text((MARGIN, top), Anchor::Start, SMALL, Ink::Faint, label);
        }
        let top = top + 16.0;
        let ticks = scale.ticks();
        let widest = ticks.iter().map(|(_, label)| font::width(label, SMALL)).fold(0.0, f32::max);
        let left = MARGIN + widest + 8.0;
        let area = Area {
            x: left,
            y: top,
            width: WIDTH - MARGIN - left,
            height: HEIGHT - MARGIN - 22.0 - top,
        };
        let frame = Self { area, scale, places: chart.x.len(), banded };
        for (value, label) in ticks {
            let y = frame.y(value);
            let ink = if value == 0.0 { Ink::Faint } else { Ink::Grid };
            scene.line(vec![(left, y), (left + area.width, y)], ink, 1.0);
            let baseline = y + SMALL * font::CAP / 2.0;
            scene.text((left - 8.0, baseline), Anchor::End, SMALL, Ink::Faint, label);
        }
        frame.places(scene, chart);
        frame
    }

    pub(super) fn y(&self, value: f64) -> f32 {
        self.area.y + self.area.height * (1.0 - self.scale.place(value))
    }

    /// The middle of a place.
    pub(super) fn x(&self, index: usize) -> f32 {
        let part = if self.banded {
            (index as f32 + 0.5) / self.places as f32
        } else if self.places > 1 {
            index as f32 / (self.places - 1) as f32
        } else {
            0.5
        };
        self.area.x + self.area.width * part
    }

    /// How wide a place is.
    pub(super) fn step(&self) -> f32 {
        let count = if self.banded { self.places } else { self.places.saturating_sub(1).max(1) };
        self.area.width / count as f32
    }

    /// Names places, as many as there is room for.
    fn places(&self, scene: &mut Scene, chart: &Chart) {
        let bottom = self.area.y + self.area.height;
        let right = self.area.x + self.area.width;
        let place = |index: usize, label: &str| {
            // The outermost are moved inwards rather than cut.
            let half = font::width(label, SMALL) / 2.0;
            self.x(index)
                .clamp(self.area.x.min(MARGIN) + half, (right - half + MARGIN * 0.8).max(half))
        };
        let fits = |ticks: &[(usize, String)]| {
            let ends = ticks.iter().map(|(index, label)| {
                let half = font::width(label, SMALL) / 2.0;
                (place(*index, label) - half, place(*index, label) + half)
            });
            let ends: Vec<(f32, f32)> = ends.collect();
            ends.windows(2).all(|pair| pair[0].1 + 12.0 <= pair[1].0)
        };
        let ticks = match &chart.x {
            X::Dates(dates) => date_ticks(dates, fits),
            X::Categories(names) => {
                let shortened = |every: usize| -> Vec<(usize, String)> {
                    let names = names.iter().enumerate().step_by(every);
                    names.map(|(index, name)| (index, font::fit(name, SMALL, 110.0))).collect()
                };
                let every = (1..=names.len()).find(|every| fits(&shortened(*every)));
                every.map_or_else(Vec::new, shortened)
            }
        };
        let label = font::fit(&chart.x_label, SMALL, self.area.width);
        if !label.is_empty() {
            let middle = self.area.x + self.area.width / 2.0;
            scene.text((middle, bottom + 38.0), Anchor::Middle, SMALL, Ink::Faint, label);
            scene.height = HEIGHT + 20.0;
        }
        for (index, label) in ticks {
            let x = self.x(index);
            scene.line(vec![(x, bottom), (x, bottom + 5.0)], Ink::Faint, 1.0);
            let at = (place(index, &label), bottom + 18.0);
            scene.text(at, Anchor::Middle, SMALL, Ink::Faint, label);
        }
    }

    pub(super) fn marks(&self, scene: &mut Scene, chart: &Chart) {
        for mark in &chart.marks {
            let at = (self.x(mark.index), self.y(mark.value));
            scene.shapes.push(Shape::Dot { at, radius: 4.5, ink: Ink::Mark, group: None });
        }
    }

    /// What a pointer finds at each place.
    pub(super) fn tips(&self, scene: &mut Scene, chart: &Chart) {
        let step = self.step();
        for index in 0..self.places {
            let text = tip(chart, index);
            let left = (self.x(index) - step / 2.0).max(self.area.x);
            let right = (self.x(index) + step / 2.0).min(self.area.x + self.area.width);
            let area = Area { x: left, width: (right - left).max(0.5), ..self.area };
            scene.shapes.push(Shape::Tip { area, text });
        }
    }
}

/// All that is known of a place, a line each.
pub(super) fn tip(chart: &Chart, index: usize) -> String {
    let mut text = chart.x.name(index);
    for series in &chart.series {
        let Some(value) = series.values[index] else { continue };
        text.push_str(&format!("\n{}: {}", series.name, number(value)));
        for band in &series.bands {
            if let Some((lower, upper)) = band.values[index] {
                text.push_str(&format!("\n{}: {} to {}", band.name, number(lower), number(upper)));
            }
        }
    }
    for mark in chart.marks.iter().filter(|mark| mark.index == index && !mark.text.is_empty()) {
        text.push('\n');
        text.push_str(&mark.text);
    }
    text
}

pub(super) fn rectangle(x: f32, y: f32, width: f32, height: f32) -> Vec<(f32, f32)> {
    vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
}
