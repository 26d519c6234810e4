//! What is aimed at, and whether it is so.

use std::{collections::BTreeMap, fmt};

use mcp_bench::{Setting, Subject};

use crate::{
    cases::{Case, Wire},
    measure::{Measured, Sample},
    report::{Ratio, median, megabytes},
};

/// At most this share of rmcp's processor time.
const MOST_OF_RMCP: f64 = 1.0 / 3.0;
/// At most this many times as long as the floor to the first event.
const MOST_TO_FIRST_EVENT: f64 = 1.2;
/// At most this many times the floor's memory at 256 connections.
const MOST_PEAK: f64 = 1.5;
/// At most so many KB for a session that is left alone.
const MOST_PER_SESSION: f64 = 4.0;
/// At most so many megabytes of `hello` in memory and on disk.
const MOST_RESIDENT: f64 = 10.0;
const MOST_ON_DISK: f64 = 5.0;

/// A figure, and what it may be at most.
#[derive(Debug)]
pub(crate) struct Target {
    what: String,
    value: f64,
    most: f64,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.value <= self.most { "met" } else { "MISSED" };
        write!(f, "{verdict:<7} {}: {:.2}, at most {:.2}", self.what, self.value, self.most)
    }
}

/// All of them, in the order of the cases.
pub(crate) fn of(measured: &Measured) -> impl Iterator<Item = Target> {
    let mut targets: Vec<Target> =
        measured.cases().flat_map(|(case, subjects)| of_case(case, subjects)).collect();
    let mut add = |what: String, value, most| targets.push(Target { what, value, most });
    for (wire, memory) in ["http", "stdio"].into_iter().zip(measured.hello) {
        add(format!("hello idle over {wire}, MB"), megabytes(memory.resident), MOST_RESIDENT);
    }
    add("hello on disk, MB".to_owned(), megabytes(measured.sizes["hello"]), MOST_ON_DISK);
    targets.into_iter()
}

fn of_case(case: &Case, subjects: &BTreeMap<Subject, Vec<Sample>>) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |what: &str, value: f64, most: f64| {
        targets.push(Target { what: format!("{}, {what}", case.name()), value, most });
    };
    let Some(ours) = subjects.get(&Subject::Ours) else { return targets };
    if let Wire::Sessions { count } = case.wire {
        let grown = |sample: &Sample| {
            let grown = sample.loaded.resident.saturating_sub(sample.idle.resident);
            grown as f64 / 1e3 / count as f64
        };
        add("KB each", median(ours.iter().map(grown)), MOST_PER_SESSION);
        return targets;
    }
    let cpu = |subject| {
        let samples: &Vec<Sample> = subjects.get(&subject)?;
        Some(median(samples.iter().map(|sample| sample.cpu)))
    };
    if let Some(floor) = subjects.get(&Subject::Floor) {
        if let Some(ratio) = Ratio::cpu(ours, Some(floor)) {
            add("times the floor", ratio.median, case.most);
        }
        if ours[0].first_event.is_some()
            && let Some(ratio) =
                Ratio::of(ours, floor, |sample| sample.first_event.unwrap_or(f64::NAN))
        {
            add("first event, times the floor", ratio.median, MOST_TO_FIRST_EVENT);
        }
        if case.wire == (Wire::Http { connections: 256 })
            && let Some(ratio) = Ratio::of(ours, floor, |sample| sample.loaded.peak as f64)
        {
            add("peak memory, times the floor", ratio.median, MOST_PEAK);
        }
    }
    if let Some(ratio) = Ratio::cpu(ours, subjects.get(&Subject::Rmcp)) {
        add("times rmcp", ratio.median, MOST_OF_RMCP);
    }
    // What callers' credentials and telemetry may cost beside the same call without.
    if let Some(plain) = cpu(Subject::Ours) {
        if let Some(with) = cpu(Subject::OursWith(Setting::ApiKey)) {
            add("API key, us more", with - plain, 3.0);
        }
        if let Some(with) = cpu(Subject::OursWith(Setting::Jwt)) {
            add("JWT, us more", with - plain, 60.0);
        }
        if let Some(with) = cpu(Subject::OursWith(Setting::NewJwts)) {
            add("new JWTs, us more", with - plain, 60.0);
        }
        if let Some(with) = cpu(Subject::OursWith(Setting::InfoAndMetrics)) {
            add("info and metrics, times without", with / plain, 1.15);
        }
    }
    targets
}
