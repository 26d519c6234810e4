//! The figures as a table and as JSON.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use mcp_bench::{Dialect, Subject};
use serde_json::{Value, json};

use crate::measure::{Case, Holding, Measured, Sample};

/// At most this many times the floor's processor time.
const MOST_OF_FLOOR: f64 = 1.3;
/// At most this many times what it costs to write the bytes of a list.
const MOST_OF_LIST: f64 = 1.5;
/// At most this share of rmcp's processor time.
const MOST_OF_RMCP: f64 = 0.5;
const MOST_RESIDENT: f64 = 10.0;
const MOST_ON_DISK: f64 = 5.0;

pub(crate) fn table(measured: &Measured) -> String {
    let mut rows = vec![
        [
            "case",
            "server",
            "CPU us",
            "x floor",
            "(min..max)",
            "x rmcp",
            "calls/s",
            "p50 us",
            "p99 us",
            "vol",
            "invol",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for (case, subjects) in &measured.samples {
        for (subject, samples) in subjects {
            let median = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
            let floor = Ratio::of(samples, subjects.get(&Subject::Floor));
            let rmcp = Ratio::of(samples, subjects.get(&Subject::Rmcp));
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
                format!("{:.2}", median(|sample| sample.voluntary)),
                format!("{:.2}", median(|sample| sample.involuntary)),
            ]);
        }
        rows.push(Vec::new());
    }
    let mut text = aligned(&rows);

    let mut rows =
        vec![["memory", "server", "idle MB", "after MB", "peak MB"].map(str::to_owned).to_vec()];
    for ((wire, subject), holdings) in &measured.memory {
        let median = |figure: fn(&Holding) -> u64| {
            format!("{:.1}", median(holdings.iter().map(|holding| megabytes(figure(holding)))))
        };
        rows.push(vec![
            (*wire).to_owned(),
            subject.name().to_owned(),
            median(|holding| holding.idle.resident),
            median(|holding| holding.loaded.resident),
            median(|holding| holding.loaded.peak),
        ]);
    }
    for (wire, memory) in ["http", "stdio"].into_iter().zip(measured.hello) {
        let idle = format!("{:.1}", megabytes(memory.resident));
        rows.push(vec![wire.to_owned(), "hello".to_owned(), idle]);
    }
    rows.push(Vec::new());
    rows.push(["program", "", "size MB"].map(str::to_owned).to_vec());
    for (program, bytes) in &measured.sizes {
        rows.push(vec![(*program).to_owned(), String::new(), format!("{:.2}", megabytes(*bytes))]);
    }
    rows.push(Vec::new());
    text.push_str(&aligned(&rows));
    text.push_str(&targets(measured));
    let _ = writeln!(
        text,
        "\n{} rounds of {} ms each on {}; medians over the rounds.\n\
         CPU us: on-CPU time of the server's threads (/proc/PID/task/*/schedstat) per call; vol and invol: \
         its context switches per call.",
        measured.plan.rounds,
        measured.plan.measured.as_millis(),
        machine(),
    );
    text
}

/// What is asked for, and whether it is so.
fn targets(measured: &Measured) -> String {
    let mut text = String::new();
    let mut line = |what: String, value: f64, most: f64| {
        let verdict = if value <= most { "met" } else { "MISSED" };
        let _ = writeln!(text, "{verdict:<7} {what}: {value:.2}, at most {most}");
    };
    for (case, subjects) in &measured.samples {
        let Some(ours) = subjects.get(&Subject::Ours) else { continue };
        if let Some(ratio) = Ratio::of(ours, subjects.get(&Subject::Floor)) {
            let most = if case.dialect == Dialect::List { MOST_OF_LIST } else { MOST_OF_FLOOR };
            line(format!("{}, times the floor", case.name()), ratio.median, most);
        }
        if let Some(ratio) = Ratio::of(ours, subjects.get(&Subject::Rmcp)) {
            line(format!("{}, times rmcp", case.name()), ratio.median, MOST_OF_RMCP);
        }
    }
    for (wire, memory) in ["http", "stdio"].into_iter().zip(measured.hello) {
        line(format!("hello idle over {wire}, MB"), megabytes(memory.resident), MOST_RESIDENT);
    }
    line("hello on disk, MB".to_owned(), megabytes(measured.sizes["hello"]), MOST_ON_DISK);
    text
}

pub(crate) fn json(measured: &Measured) -> Value {
    let case = |(case, subjects): (&Case, &BTreeMap<Subject, Vec<Sample>>)| {
        let subject = |(subject, samples): (&Subject, &Vec<Sample>)| {
            let ratio = |to| {
                Ratio::of(samples, subjects.get(&to)).map(
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
    let holding = |holding: &Holding| {
        json!({
            "idleBytes": holding.idle.resident,
            "loadedBytes": holding.loaded.resident,
            "peakBytes": holding.loaded.peak,
        })
    };
    let memory = |((wire, subject), holdings): (&(&str, Subject), &Vec<Holding>)| {
        let rounds: Vec<Value> = holdings.iter().map(holding).collect();
        (format!("{wire} {}", subject.name()), Value::from(rounds))
    };
    json!({
        "machine": machine(),
        "rounds": measured.plan.rounds,
        "millisecondsPerSample": measured.plan.measured.as_millis() as u64,
        "cases": measured.samples.iter().map(case).collect::<Value>(),
        "memory": measured.memory.iter().map(memory).collect::<Value>(),
        "hello": {
            "httpIdleBytes": measured.hello[0].resident,
            "stdioIdleBytes": measured.hello[1].resident,
        },
        "programBytes": measured.sizes,
    })
}

fn sample(sample: &Sample) -> Value {
    json!({
        "calls": sample.calls,
        "cpuMicroseconds": sample.cpu,
        "callsPerSecond": sample.rate,
        "p50Microseconds": sample.p50,
        "p99Microseconds": sample.p99,
        "voluntarySwitches": sample.voluntary,
        "involuntarySwitches": sample.involuntary,
    })
}

/// One subject's processor time in terms of another's, compared round by round.
#[derive(Clone, Copy)]
struct Ratio {
    median: f64,
    min: f64,
    max: f64,
}

impl Ratio {
    fn of(samples: &[Sample], base: Option<&Vec<Sample>>) -> Option<Self> {
        let ratios = samples.iter().zip(base?).map(|(sample, base)| sample.cpu / base.cpu);
        Some(Self {
            median: median(ratios.clone()),
            min: ratios.clone().fold(f64::INFINITY, f64::min),
            max: ratios.fold(0.0, f64::max),
        })
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn megabytes(bytes: u64) -> f64 {
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
