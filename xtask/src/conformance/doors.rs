use std::path::Path;

use super::{Suite, dynamodb::DynamoDb, fixture::Fixture, results::Results, run_suite};
use crate::{
    shell::{skip, step},
    toolbox,
};

/// The fixture server as a function of AWS Lambda, and what is left out there.
struct Behind {
    door: &'static str,
    suite: Suite,
}

const fn behind(door: &'static str, name: &'static str) -> Behind {
    let arguments = &["--requirements", "2026-07-28"];
    Behind { door, suite: Suite { name, release: 1, arguments } }
}

/// The newest release's suite behind each door that carries HTTP.
const DOORS: [Behind; 7] = [
    behind("function-url-stream", "2026-07-28 Function URL, streamed"),
    behind("function-url", "2026-07-28 Function URL"),
    behind("rest-api-stream", "2026-07-28 REST API, streamed"),
    behind("rest-api", "2026-07-28 REST API"),
    behind("http-api", "2026-07-28 HTTP API"),
    behind("alb", "2026-07-28 ALB"),
    behind("alb-multi-value", "2026-07-28 ALB, multi-value"),
];

/// Runs the suites that are wanted, and adds what they have found out.
pub(super) fn run(
    wanted: impl Fn(&Suite) -> bool,
    programs: &[std::path::PathBuf],
    output: &Path,
    table: &mut Vec<(&'static str, Results)>,
) -> anyhow::Result<()> {
    let doors: Vec<&Behind> = DOORS.iter().filter(|behind| wanted(&behind.suite)).collect();
    if doors.is_empty() {
        return Ok(());
    }
    let Some(dynamodb) = DynamoDb::start()? else {
        return skip("the conformance suite behind the doors of AWS Lambda", toolbox::NO_PYTHON);
    };
    for Behind { door, suite } in doors {
        step(&format!("conformance: {}", suite.name));
        let fixture = Fixture::behind(door, &dynamodb)?;
        let mut results = run_suite(suite, &programs[suite.release], fixture.url(), output)?;
        results.except_one_process();
        results.print_faults();
        table.push((suite.name, results));
    }
    Ok(())
}

/// The names of the suites.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    DOORS.iter().map(|behind| behind.suite.name)
}
