use super::{MARGIN, SMALL, Stack, WIDTH, frame::tip, stacks};
use crate::{
    Chart, Kind, font,
    scale::{Scale, number},
    scene::{Anchor, Area, Scene, Shape},
    theme::Ink,
};

/// A row for each category, its bars lying on their side.
pub(super) fn draw(scene: &mut Scene, chart: &Chart, names: &[String], top: f32) {
    let stacked = chart.kind == Kind::Stacked;
    let beside = if stacked { 1 } else { chart.series.len().max(1) };
    let bar = if beside > 1 { 14.0 } else { 18.0 };
    let row = bar * beside as f32 + 10.0;
    let longest = names.iter().map(|name| font::width(name, SMALL)).fold(0.0, f32::max);
    let left = MARGIN + longest.min(WIDTH * 0.36) + 10.0;
    let scale = if stacked {
        Scale::new(stacks(chart), true, 5)
    } else {
        Scale::new(chart.numbers(), true, 5)
    };
    // Values stand at the ends of bars, so there has to be room for them.
    let widest =
        chart.numbers().map(|value| font::width(&number(value), SMALL)).fold(0.0, f32::max);
    let value_room = if stacked { 0.0 } else { widest + 8.0 };
    let before = if scale.low < 0.0 { value_room } else { 0.0 };
    // The axis' last number is as wide to the right of its line as to the left.
    let last = scale.ticks().pop().map_or(0.0, |(_, label)| font::width(&label, SMALL));
    let value_room = value_room.max(last / 2.0 - MARGIN / 2.0);
    let width = WIDTH - MARGIN - value_room - left - before;
    let x = |value: f64| left + before + width * scale.place(value);
    let top = top + 8.0;
    let bottom = top + row * names.len() as f32;

    let mut last_end = f32::NEG_INFINITY;
    for (value, label) in scale.ticks() {
        let ink = if value == 0.0 { Ink::Faint } else { Ink::Grid };
        scene.line(vec![(x(value), top), (x(value), bottom)], ink, 1.0);
        let half = font::width(&label, SMALL) / 2.0;
        let middle = x(value).clamp(half, (WIDTH - 2.0 - half).max(half));
        if middle - half > last_end + 10.0 {
            last_end = middle + half;
            scene.text((middle, bottom + 16.0), Anchor::Middle, SMALL, Ink::Faint, label);
        }
    }
    for (index, name) in names.iter().enumerate() {
        let y = top + row * index as f32;
        let baseline = y + row / 2.0 + SMALL * font::CAP / 2.0;
        let name = font::fit(name, SMALL, left - 10.0 - MARGIN);
        scene.text((left - 10.0, baseline), Anchor::End, SMALL, Ink::Text, name);
        let mut stack = Stack::default();
        for (group, series) in chart.series.iter().enumerate() {
            let Some(value) = series.values[index] else { continue };
            let from = if stacked { stack.add(value) } else { 0.0 };
            let (a, b) = (x(from), x(from + value));
            let y = y + 5.0 + if stacked { 0.0 } else { bar * group as f32 };
            let area = Area { x: a.min(b), y, width: (a - b).abs(), height: bar - 1.0 };
            scene.shapes.push(Shape::Rect { area, ink: Ink::Series(group), group: Some(group) });
            if !stacked {
                let baseline = y + bar / 2.0 + SMALL * font::CAP / 2.0;
                let (at, anchor) =
                    if value < 0.0 { (b - 5.0, Anchor::End) } else { (b + 5.0, Anchor::Start) };
                scene.text((at, baseline), anchor, SMALL, Ink::Text, number(value));
            }
        }
        let area = Area { x: MARGIN, y, width: WIDTH - 2.0 * MARGIN, height: row };
        scene.shapes.push(Shape::Tip { area, text: tip(chart, index) });
    }
    let label = font::fit(&chart.y_label, SMALL, WIDTH - 2.0 * MARGIN);
    let middle = left + before + width / 2.0;
    let half = font::width(&label, SMALL) / 2.0;
    let middle = middle.clamp(MARGIN + half, (WIDTH - MARGIN - half).max(MARGIN + half));
    scene.text((middle, bottom + 36.0), Anchor::Middle, SMALL, Ink::Faint, label);
    scene.height = bottom + 36.0 + MARGIN;
}
