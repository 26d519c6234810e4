use super::{Stack, frame::Frame};
use crate::{
    Chart,
    scene::{Area, Scene, Shape},
    theme::Ink,
};

/// Bars over dates: side by side, or stacked.
pub(super) fn draw(scene: &mut Scene, chart: &Chart, frame: &Frame, stacked: bool) {
    let beside = if stacked { 1 } else { chart.series.len().max(1) };
    // Bars leave room between places, as long as there is any.
    let room = (frame.step() * 0.8).max(frame.step() - 12.0).min(beside as f32 * 60.0);
    let width = room / beside as f32;
    for index in 0..chart.x.len() {
        let left = frame.x(index) - room / 2.0;
        let mut stack = Stack::default();
        for (group, series) in chart.series.iter().enumerate() {
            let Some(value) = series.values[index] else { continue };
            let from = if stacked { stack.add(value) } else { 0.0 };
            let (a, b) = (frame.y(from), frame.y(from + value));
            let x = if stacked { left } else { left + width * group as f32 };
            let area =
                Area { x, y: a.min(b), width: (width - 0.5).max(0.3), height: (a - b).abs() };
            scene.shapes.push(Shape::Rect { area, ink: Ink::Series(group), group: Some(group) });
        }
    }
}
