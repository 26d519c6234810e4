//! The ratios to the floor as a chart.

use anyhow::anyhow;
use mcp_bench::Subject;
use mcp_charts::{Chart, Kind, Series, Theme, X};

use crate::{measure::Measured, report::Ratio};

/// Where bars end: rmcp's would make all others too short to be compared.
const MOST: f64 = 8.0;

pub(crate) fn svg(measured: &Measured) -> anyhow::Result<String> {
    let cases: Vec<_> =
        measured.cases().filter(|(_, subjects)| subjects.contains_key(&Subject::Floor)).collect();
    let series = |subject: Subject| {
        let ratios = cases.iter().map(|(_, subjects)| {
            let ratio = Ratio::cpu(subjects.get(&subject)?, subjects.get(&Subject::Floor))?;
            Some(ratio.median.min(MOST))
        });
        Series::new(subject.name(), ratios.collect())
    };
    let chart = Chart {
        title: "Processor time of a call".into(),
        subtitle: format!("Medians of {} rounds; bars end at {MOST}", measured.plan.rounds),
        x: X::Categories(cases.iter().map(|(case, _)| case.name()).collect()),
        y_label: "Times the floor, which is written by hand".into(),
        kind: Kind::Bars,
        series: [Subject::Floor, Subject::Ours, Subject::Rmcp].map(series).into(),
        ..Chart::default()
    };
    mcp_charts::svg(&chart, Theme::Light).map_err(|error| anyhow!("{error}"))
}
