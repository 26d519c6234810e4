//! The figures as a table and as JSON.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use mcp_bench::Subject;
use serde_json::{Value, json};

use crate::{
    cases::Case,
    measure::{Measured, Sample},
    targets,
};

const COLUMNS: [&str; 15] = [
    "case",
    "server",
    "CPU us",
    "x floor",
    "(min..max)",
    "x rmcp",
    "per s",
    "p50 us",
    "p99 us",
    "first us",
    "vol",
    "invol",
    "idle MB",
    "peak MB",
    "own MB",
];

pub(crate) fn table(measured: &Measured) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    for (case, subjects) in measured.cases() {
        for (subject, samples) in subjects {
            let median = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
            let floor = Ratio::cpu(samples, subjects.get(&Subject::Floor));
            let rmcp = Ratio::cpu(samples, subjects.get(&Subject::Rmcp));
            let first = samples[0].first_event.is_some();
            let first = first.then(|| median(|sample| sample.first_event.unwrap_or(f64::NAN)));
            rows.push(vec![
                case.name(),
                subject.name().to_owned(),
                format!("{:.2}", median(|sample| sample.cpu)),
                floor.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
                floor.map_or_else(String::new, |ratio| {
                    format!("{:.2}..{:.2}", ratio.min, ratio.max)
                }),
                rmcp.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
                format!("{:.0}", median(|sample| sample.rate)),
                format!("{:.0}", median(|sample| sample.p50)),
                format!("{:.0}", median(|sample| sample.p99)),
                first.map_or_else(String::new, |first| format!("{first:.0}")),
                format!("{:.2}", median(|sample| sample.voluntary)),
                format!("{:.2}", median(|sample| sample.involuntary)),
                format!("{:.1}", median(|sample| megabytes(sample.idle.resident))),
                format!("{:.1}", median(|sample| megabytes(sample.loaded.peak))),
                format!("{:.1}", median(|sample| megabytes(sample.loaded.anonymous))),
            ]);
        }
        rows.push(Vec::new());
    }
    let mut text = aligned(&rows);

    let mut rows = vec![["program", "", "MB"].map(str::to_owned).to_vec()];
    for (wire, memory) in ["over http, idle", "over stdio, idle"].into_iter().zip(measured.hello) {
        let idle = format!("{:.1}", megabytes(memory.resident));
        rows.push(vec!["hello".to_owned(), wire.to_owned(), idle]);
    }
    for (program, bytes) in &measured.sizes {
        let size = format!("{:.2}", megabytes(*bytes));
        rows.push(vec![(*program).to_owned(), "on disk".to_owned(), size]);
    }
    rows.push(Vec::new());
    text.push_str(&aligned(&rows));
    for target in targets::of(measured) {
        let _ = writeln!(text, "{target}");
    }
    let _ = writeln!(
        text,
        "\n{} rounds of {} ms for each server and case on {}; medians over the rounds.\n\
         CPU us: on-CPU time of the server's threads (/proc/PID/task/*/schedstat) for one call, event, \
         start or session;\nper s: how many of them there were; first us: to the first event; vol and \
         invol: context switches for each.\n\
         idle, peak: what is resident before and at most, with what is mapped of the program's file; own: heap \
         and stacks after.",
        measured.plan.rounds,
        measured.plan.measured.as_millis(),
        machine(),
    );
    if cfg!(debug_assertions) {
        text.push_str(
            "Built without optimization: this shows that everything runs, not how fast.\n",
        );
    }
    text
}

pub(crate) fn json(measured: &Measured) -> Value {
    let case = |(case, subjects): (&Case, &BTreeMap<Subject, Vec<Sample>>)| {
        let subject = |(subject, samples): (&Subject, &Vec<Sample>)| {
            let ratio = |to| {
                Ratio::cpu(samples, subjects.get(&to)).map(
                    |ratio| json!({ "median": ratio.median, "min": ratio.min, "max": ratio.max }),
                )
            };
            let rounds: Vec<Value> = samples.iter().map(sample).collect();
            let figures = json!({
                "timesFloor": ratio(Subject::Floor),
                "timesRmcp": ratio(Subject::Rmcp),
                "rounds": rounds,
            });
            (subject.name().to_owned(), figures)
        };
        (case.name(), subjects.iter().map(subject).collect::<Value>())
    };
    json!({
        "machine": machine(),
        "optimized": !cfg!(debug_assertions),
        "rounds": measured.plan.rounds,
        "millisecondsPerSample": measured.plan.measured.as_millis() as u64,
        "cases": measured.cases().map(case).collect::<Value>(),
        "hello": {
            "httpIdleBytes": measured.hello[0].resident,
            "stdioIdleBytes": measured.hello[1].resident,
        },
        "programBytes": measured.sizes,
        "targets": targets::of(measured).map(|target| target.to_string()).collect::<Vec<_>>(),
    })
}

fn sample(sample: &Sample) -> Value {
    json!({
        "units": sample.units,
        "cpuMicroseconds": sample.cpu,
        "perSecond": sample.rate,
        "p50Microseconds": sample.p50,
        "p99Microseconds": sample.p99,
        "firstEventMicroseconds": sample.first_event,
        "voluntarySwitches": sample.voluntary,
        "involuntarySwitches": sample.involuntary,
        "idleBytes": sample.idle.resident,
        "loadedBytes": sample.loaded.resident,
        "peakBytes": sample.loaded.peak,
        "ownBytes": sample.loaded.anonymous,
    })
}

/// One subject's figure in terms of another's, compared round by round.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    min: f64,
    max: f64,
}

impl Ratio {
    pub(crate) fn cpu(samples: &[Sample], base: Option<&Vec<Sample>>) -> Option<Self> {
        Self::of(samples, base?, |sample| sample.cpu)
    }

    pub(crate) fn of(
        samples: &[Sample],
        base: &[Sample],
        figure: impl Fn(&Sample) -> f64 + Copy,
    ) -> Option<Self> {
        let ratios = samples.iter().zip(base).map(|(sample, base)| figure(sample) / figure(base));
        Some(Self {
            median: median(ratios.clone()),
            min: ratios.clone().fold(f64::INFINITY, f64::min),
            max: ratios.fold(0.0, f64::max),
        })
    }
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Columns of text to the left, of figures to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column| {
        rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if column < 2 {
                write!(line, "{cell:<width$}  ")
            } else {
                write!(line, "{cell:>width$}  ")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The processor's name and how many there are.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("an unknown processor", |(_, model)| model.trim());
    format!("{cpus} x {model}")
}
