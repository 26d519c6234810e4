use super::frame::{Frame, opacities};
use crate::{
    Chart,
    scene::{Scene, Shape},
    theme::Ink,
};

/// A line for each series over its bands; a dot where a value has no neighbours.
pub(super) fn draw(scene: &mut Scene, chart: &Chart, frame: &Frame) {
    for (group, series) in chart.series.iter().enumerate() {
        let ink = Ink::Series(group);
        for (band, opacity) in series.bands.iter().zip(opacities()) {
            for run in runs(&band.values) {
                let end = |(index, (lower, upper)): (usize, (f64, f64))| {
                    (frame.x(index), frame.y(lower), frame.y(upper))
                };
                let ends: Vec<(f32, f32, f32)> = run.into_iter().map(end).collect();
                let there = ends.iter().map(|(x, _, upper)| (*x, *upper));
                let back = ends.iter().rev().map(|(x, lower, _)| (*x, *lower));
                let points = there.chain(back).collect();
                scene.shapes.push(Shape::Fill { points, ink, opacity, group: Some(group) });
            }
        }
    }
    for (group, series) in chart.series.iter().enumerate() {
        let ink = Ink::Series(group);
        for run in runs(&series.values) {
            let place = |(index, value): (usize, f64)| (frame.x(index), frame.y(value));
            let points: Vec<(f32, f32)> = run.into_iter().map(place).collect();
            if let [at] = points[..] {
                scene.shapes.push(Shape::Dot { at, radius: 3.0, ink, group: Some(group) });
            } else {
                let dashed = series.dashed;
                scene.shapes.push(Shape::Line {
                    points,
                    ink,
                    width: 2.0,
                    dashed,
                    group: Some(group),
                });
            }
        }
    }
}

/// Values without a gap between them, with their places.
fn runs<T: Copy>(values: &[Option<T>]) -> Vec<Vec<(usize, T)>> {
    let mut runs: Vec<Vec<(usize, T)>> = Vec::new();
    let mut open = false;
    for (index, value) in values.iter().enumerate() {
        if let Some(value) = value {
            if !open {
                runs.push(Vec::new());
            }
            if let Some(run) = runs.last_mut() {
                run.push((index, *value));
            }
        }
        open = value.is_some();
    }
    runs
}
