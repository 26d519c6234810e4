//! Answers from the sample, checked against sums made another way: the `csv` crate, maps, and whole
//! numbers read from the digits.

use std::collections::{BTreeMap, BTreeSet};

use mcp_tools_sales::{Date, Group, Measure, QueryErrorKind, SalesStore, Totals};

const SAMPLE: &str = include_str!("../../examples/sales-server/data/sales.csv");

#[derive(Clone, Debug)]
struct Line {
    date: String,
    product: String,
    category: String,
    operation: String,
    units: i64,
    /// In 1/10,000.
    revenue: i64,
}

fn store() -> SalesStore {
    SalesStore::from_reader("sales.csv", SAMPLE.as_bytes()).expect("the sample loads")
}

fn lines() -> Vec<Line> {
    let mut reader = csv::Reader::from_reader(SAMPLE.as_bytes());
    reader
        .records()
        .map(|record| {
            let record = record.expect("a record");
            let (whole, fraction) = record[5].split_once('.').unwrap_or((&record[5], ""));
            Line {
                date: record[0].to_owned(),
                product: record[1].to_owned(),
                category: record[2].to_owned(),
                operation: record[3].to_owned(),
                units: record[4].parse().expect("units"),
                revenue: format!("{whole}{fraction:0<4}").parse().expect("revenue"),
            }
        })
        .collect()
}

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

/// Order lines, units and revenue by a key.
fn sums<'a>(
    lines: &'a [Line],
    key: impl Fn(&'a Line) -> &'a str,
) -> BTreeMap<&'a str, (u64, i64, i64)> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let sum: &mut (u64, i64, i64) = sums.entry(key(line)).or_default();
        *sum = (sum.0 + 1, sum.1 + line.units, sum.2 + line.revenue);
    }
    sums
}

fn tuple(totals: &Totals) -> (u64, i64, i64) {
    (totals.order_lines, totals.units, totals.revenue.ten_thousandths())
}

fn owned<'a>(groups: &[Group<&'a str>]) -> Vec<(&'a str, (u64, i64, i64))> {
    groups.iter().map(|group| (group.name, tuple(&group.totals))).collect()
}

/// Every combination of an operation and a period that the tests below ask about.
fn questions() -> Vec<(Option<&'static str>, Option<&'static str>, Option<&'static str>)> {
    let mut questions = Vec::new();
    for operation in [None, Some("Dallas"), Some("New York City"), Some("Abilene")] {
        for (from, to) in [
            (None, None),
            (Some("2016-01-01"), None),
            (None, Some("2014-12-31")),
            (Some("2015-03-01"), Some("2015-03-31")),
            (Some("2017-12-30"), Some("2017-12-30")),
            (Some("2030-01-01"), None),
            (None, Some("1999-12-31")),
        ] {
            questions.push((operation, from, to));
        }
    }
    questions
}

fn matching(
    lines: &[Line],
    (operation, from, to): (Option<&str>, Option<&str>, Option<&str>),
) -> Vec<Line> {
    let within = |line: &&Line| {
        operation.is_none_or(|operation| line.operation == operation)
            && from.is_none_or(|from| line.date.as_str() >= from)
            && to.is_none_or(|to| line.date.as_str() <= to)
    };
    lines.iter().filter(within).cloned().collect()
}

#[test]
fn the_sample_is_what_its_readme_says() {
    let store = store();
    assert_eq!(store.order_lines(), 9994);
    assert_eq!(store.period(), (date("2014-01-03"), date("2017-12-30")));
    let all = store.select(None, None, None).expect("all");
    assert_eq!((all.products(), all.categories().len(), all.operations().len()), (1850, 3, 531));
    // Known for this data set: 37,873 units and 2,297,200.8603 dollars.
    assert_eq!(tuple(&all.totals()), (9994, 37_873, 22_972_008_603));
}

#[test]
fn rankings_equal_an_independent_computation() {
    let (store, lines) = (store(), lines());
    for question in questions() {
        let selection = store
            .select(question.0, question.1.map(date), question.2.map(date))
            .expect("a selection");
        let lines = matching(&lines, question);
        let mut expected: Vec<_> = sums(&lines, |line| &line.product).into_iter().collect();
        assert_eq!(selection.products(), expected.len());
        expected.sort_by_key(|(_, (_, _, revenue))| -revenue); // stable, so names break ties
        for n in [0, 1, 5, 1000, usize::MAX] {
            assert_eq!(
                owned(&selection.top_products(n, Measure::Revenue)),
                expected[..n.min(expected.len())],
                "{question:?}"
            );
        }
        expected.sort_by_key(|(name, (_, units, _))| (-units, *name));
        for n in [1, 5, 1000] {
            assert_eq!(
                owned(&selection.top_products(n, Measure::Units)),
                expected[..n.min(expected.len())],
                "{question:?}"
            );
        }
    }
}

#[test]
fn summaries_equal_an_independent_computation() {
    let (store, lines) = (store(), lines());
    for question in questions() {
        let selection = store
            .select(question.0, question.1.map(date), question.2.map(date))
            .expect("a selection");
        let lines = matching(&lines, question);
        let total = lines
            .iter()
            .fold((0, 0, 0), |sum, line| (sum.0 + 1, sum.1 + line.units, sum.2 + line.revenue));
        assert_eq!(tuple(&selection.totals()), total, "{question:?}");
        for (groups, key) in [
            (selection.categories(), (|line| &line.category) as fn(&Line) -> &str),
            (selection.operations(), |line| &line.operation),
        ] {
            let mut expected: Vec<_> = sums(&lines, key).into_iter().collect();
            expected.sort_by_key(|(_, (_, _, revenue))| -revenue);
            assert_eq!(owned(&groups), expected, "{question:?}");
        }
        let months: Vec<_> = selection
            .months()
            .iter()
            .map(|month| (format!("{:04}-{:02}", month.name.0, month.name.1), tuple(&month.totals)))
            .collect();
        let expected: Vec<_> = sums(&lines, |line| &line.date[..7])
            .into_iter()
            .map(|(month, sum)| (month.to_owned(), sum))
            .collect();
        assert_eq!(months, expected, "{question:?}");
        let years: Vec<_> = selection
            .years()
            .iter()
            .map(|year| (year.name.to_string(), tuple(&year.totals)))
            .collect();
        let expected: Vec<_> = sums(&lines, |line| &line.date[..4])
            .into_iter()
            .map(|(year, sum)| (year.to_owned(), sum))
            .collect();
        assert_eq!(years, expected, "{question:?}");
        let dates: BTreeSet<&str> = lines.iter().map(|line| line.date.as_str()).collect();
        let days = dates.first().zip(dates.last()).map(|(first, last)| (date(first), date(last)));
        assert_eq!(selection.days(), days, "{question:?}");
        assert_eq!(selection.note().is_some(), lines.is_empty(), "{question:?}");
    }
}

#[test]
fn the_order_of_lines_changes_no_answer() {
    let mut reversed: Vec<&str> = SAMPLE.lines().skip(1).collect();
    reversed.reverse();
    let reversed =
        format!("{}\n{}\n", SAMPLE.lines().next().expect("a header"), reversed.join("\n"));
    let (one, other) =
        (store(), SalesStore::from_reader("reversed", reversed.as_bytes()).expect("sales"));
    let (one, other) =
        (one.select(None, None, None).expect("all"), other.select(None, None, None).expect("all"));
    assert_eq!(one.top_products(1000, Measure::Units), other.top_products(1000, Measure::Units));
    assert_eq!(
        (one.months(), one.operations(), one.days()),
        (other.months(), other.operations(), other.days())
    );
}

#[test]
fn operations_are_found_in_any_case() {
    let store = store();
    for name in ["Dallas", "dallas", " DALLAS "] {
        assert_eq!(
            store.select(Some(name), None, None).expect("Dallas").operation(),
            Some("Dallas")
        );
    }
}

#[test]
fn an_unknown_operation_lists_the_closest_and_the_largest() {
    let store = store();
    let message = |name| {
        let error = store.select(Some(name), None, None).expect_err("unknown");
        assert_eq!(error.kind(), QueryErrorKind::UnknownOperation);
        error.to_string()
    };
    assert_eq!(
        message("Atlantis"),
        "There is no operation \"Atlantis\". The closest names: Atlanta, Atlantic City, Salinas, Athens, Plantation. \
         Those with the most order lines: New York City, Los Angeles, Philadelphia, San Francisco, Seattle, Houston, \
         Chicago, Columbus, San Diego, Springfield, Dallas, Jacksonville, and 514 more."
    );
    assert_eq!(
        message("dalas"),
        "There is no operation \"dalas\". The closest names: Dallas, Salinas, Davis. \
         Those with the most order lines: New York City, Los Angeles, Philadelphia, San Francisco, Seattle, Houston, \
         Chicago, Columbus, San Diego, Springfield, Jacksonville, and 517 more."
    );
    for nothing_like_it in ["", " ", "東京", "NYC"] {
        let message = message(nothing_like_it);
        assert!(
            !message.contains("closest") && message.ends_with("Jacksonville, and 519 more."),
            "{message}"
        );
    }
    assert!(message(&"x".repeat(1_000_000)).len() < 1_000);
}

#[test]
fn a_few_operations_are_all_listed() {
    let csv = "date,product,category,operation,units,revenue\n2017-01-01,Lamp,Furniture,Dallas,1,1\n2017-01-01,Lamp,Furniture,Austin,1,1\n";
    let store = SalesStore::from_reader("s.csv", csv.as_bytes()).expect("sales");
    let error = store.select(Some("Atlantis"), None, None).expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "There is no operation \"Atlantis\". The operations are: Austin, Dallas."
    );
}

#[test]
fn a_reversed_period_is_an_error() {
    let store = store();
    let error = store
        .select(None, Some(date("2017-02-01")), Some(date("2017-01-31")))
        .expect_err("reversed");
    assert_eq!(error.kind(), QueryErrorKind::ReversedPeriod);
    assert_eq!(
        error.to_string(),
        "The period ends before it begins: from 2017-02-01 is after to 2017-01-31."
    );
}

#[test]
fn an_empty_period_is_an_answer_with_the_data_s_period() {
    let store = store();
    let selection = store
        .select(Some("dallas"), Some(date("2030-01-01")), Some(date("2030-12-31")))
        .expect("a selection");
    assert_eq!(selection.top_products(5, Measure::Revenue), []);
    assert_eq!(
        selection.note().as_deref(),
        Some(
            "There are no order lines in Dallas from 2030-01-01 to 2030-12-31. The data covers 2014-01-03 to 2017-12-30."
        )
    );
}

#[test]
fn returns_count_against_sales() {
    let csv = "date,product,category,operation,units,revenue\n2017-01-01,Lamp,Furniture,Dallas,3,30.30\n2017-01-02,Lamp,Furniture,Dallas,-1,-10.1\n";
    let store = SalesStore::from_reader("s.csv", csv.as_bytes()).expect("sales");
    assert_eq!(tuple(&store.select(None, None, None).expect("all").totals()), (2, 2, 202_000));
}

#[test]
fn a_store_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&store());
}
