//! Where everything goes.

mod frame;
mod lines;
mod rows;
mod upright;

use crate::{Chart, ChartError, Kind, X, scene::Scene};
use frame::Frame;

/// Width of a chart, in pixels.
pub(crate) const WIDTH: f32 = 800.0;

/// Height of a chart with an upright y axis, in pixels.
const HEIGHT: f32 = 420.0;

/// Sizes of text.
const TITLE: f32 = 18.0;
const SMALL: f32 = 12.0;

/// Room around everything.
const MARGIN: f32 = 20.0;

/// Lays a chart out.
pub(crate) fn layout(chart: &Chart) -> Result<Scene, ChartError> {
    chart.check()?;
    let mut scene =
        Scene { width: WIDTH, height: HEIGHT, title: chart.title.clone(), shapes: Vec::new() };
    let top = frame::heading(&mut scene, chart);
    match (&chart.x, chart.kind) {
        _ if chart.x.is_empty() || chart.numbers().next().is_none() => {
            frame::empty(&mut scene, top);
        }
        (X::Categories(names), Kind::Bars | Kind::Stacked) => {
            rows::draw(&mut scene, chart, names, top);
        }
        (_, kind) => {
            let stacked = kind == Kind::Stacked;
            let frame = Frame::new(&mut scene, chart, top, kind != Kind::Lines, stacked);
            if kind == Kind::Lines {
                lines::draw(&mut scene, chart, &frame);
            } else {
                upright::draw(&mut scene, chart, &frame, stacked);
            }
            frame.marks(&mut scene, chart);
            frame.tips(&mut scene, chart);
        }
    }
    Ok(scene)
}

/// How far a stack reaches: what is below zero goes down, what is above goes up.
#[derive(Clone, Copy, Default)]
struct Stack {
    down: f64,
    up: f64,
}

impl Stack {
    /// Adds a value; returns where it begins.
    fn add(&mut self, value: f64) -> f64 {
        let end = if value < 0.0 { &mut self.down } else { &mut self.up };
        let begins = *end;
        *end += value;
        begins
    }
}

/// The ends of each place's stack.
fn stacks(chart: &Chart) -> impl Iterator<Item = f64> {
    (0..chart.x.len()).flat_map(|index| {
        let mut stack = Stack::default();
        for value in chart.series.iter().filter_map(|series| series.values[index]) {
            stack.add(value);
        }
        [stack.down, stack.up]
    })
}

#[cfg(test)]
mod tests;
