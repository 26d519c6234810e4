//! Answers from the sample, checked against sums made another way: the `csv` crate, maps, and whole
//! numbers read from the digits.

use std::collections::BTreeMap;

use mcp_tools_sales::{
    Answer, Date, Dimension, Filter, Grain, Measure, Order, Query, QueryError, QueryErrorKind,
    Sales, SalesStore, Scope, Totals,
};

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

fn named(answer: &Answer) -> Vec<(&str, (u64, i64, i64))> {
    answer.rows.iter().map(|row| (&*row.names[0], tuple(&row.totals))).collect()
}

fn filter((operation, from, to): (Option<&str>, Option<&str>, Option<&str>)) -> Filter {
    Filter {
        operation: operation.map(str::to_owned),
        from: from.map(date),
        to: to.map(date),
        ..Filter::default()
    }
}

fn all() -> Query {
    Query::new(Filter::default())
}

fn top(query: Query, n: usize, by: Measure) -> Query {
    query.by(Dimension::Product).order(Order::Largest(by)).limit(n)
}

fn scope(store: &SalesStore, filter: Filter) -> Result<Scope, QueryError> {
    let sales = Sales::from(store.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(sales.scope(filter, &[Measure::Revenue]))
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
    let names = Dimension::ALL.map(|dimension| store.names(dimension).len());
    assert_eq!(names, [1850, 3, 531, 0]);
    // Known for this data set: 37,873 units and 2,297,200.8603 dollars.
    assert_eq!(tuple(&store.answer(&all()).rows[0].totals), (9994, 37_873, 22_972_008_603));
}

#[test]
fn rankings_equal_an_independent_computation() {
    let (store, lines) = (store(), lines());
    for question in questions() {
        let query = Query::new(filter(question));
        let lines = matching(&lines, question);
        let mut expected: Vec<_> = sums(&lines, |line| &line.product).into_iter().collect();
        expected.sort_by_key(|(_, (_, _, revenue))| -revenue); // stable, so names break ties
        for n in [0, 1, 5, 1000, usize::MAX] {
            let answer = store.answer(&top(query.clone(), n, Measure::Revenue));
            assert_eq!(answer.groups, expected.len());
            assert_eq!(named(&answer), expected[..n.min(expected.len())], "{question:?}");
        }
        expected.sort_by_key(|(name, (_, units, _))| (-units, *name));
        for n in [1, 5, 1000] {
            let answer = store.answer(&top(query.clone(), n, Measure::Units));
            assert_eq!(named(&answer), expected[..n.min(expected.len())], "{question:?}");
        }
    }
}

#[test]
fn sums_by_names_and_periods_equal_an_independent_computation() {
    let (store, lines) = (store(), lines());
    for question in questions() {
        let query = || Query::new(filter(question));
        let lines = matching(&lines, question);
        let total = lines
            .iter()
            .fold((0, 0, 0), |sum, line| (sum.0 + 1, sum.1 + line.units, sum.2 + line.revenue));
        let answer = store.answer(&query());
        let totals: Vec<_> = answer.rows.iter().map(|row| tuple(&row.totals)).collect();
        assert_eq!(totals, if lines.is_empty() { vec![] } else { vec![total] }, "{question:?}");
        for (dimension, key) in [
            (Dimension::Category, (|line| &line.category) as fn(&Line) -> &str),
            (Dimension::Operation, |line| &line.operation),
        ] {
            let expected: Vec<_> = sums(&lines, key).into_iter().collect();
            assert_eq!(named(&store.answer(&query().by(dimension))), expected, "{question:?}");
        }
        for (grain, digits) in [(Grain::Day, 10), (Grain::Month, 7), (Grain::Year, 4)] {
            let expected: Vec<_> = sums(&lines, |line| &line.date[..digits])
                .into_iter()
                .map(|(period, sum)| (period.to_owned(), sum))
                .collect();
            let answer = store.answer(&query().grain(grain));
            let periods = answer
                .rows
                .iter()
                .map(|row| (grain.label(row.period.expect("a period")), tuple(&row.totals)));
            assert_eq!(periods.collect::<Vec<_>>(), expected, "{question:?} {grain}");
        }
    }
}

#[test]
fn several_dimensions_and_a_grain_equal_an_independent_computation() {
    let (store, lines) = (store(), lines());
    let mut expected: BTreeMap<(String, String, String), (u64, i64, i64)> = BTreeMap::new();
    for line in &lines {
        let key = (line.date[..4].to_owned(), line.operation.clone(), line.product.clone());
        let sum = expected.entry(key).or_default();
        *sum = (sum.0 + 1, sum.1 + line.units, sum.2 + line.revenue);
    }
    // More combinations than places: these are looked up in a map. The others are not.
    let query = all().grain(Grain::Year).by(Dimension::Operation).by(Dimension::Product);
    let answer = store.answer(&query);
    let found = answer.rows.iter().map(|row| {
        let year = row.period.expect("a year").year().to_string();
        ((year, row.names[0].to_string(), row.names[1].to_string()), tuple(&row.totals))
    });
    assert_eq!(found.collect::<Vec<_>>(), expected.clone().into_iter().collect::<Vec<_>>());
    assert_eq!(answer.groups, expected.len());

    let mut expected: BTreeMap<(&str, &str), (u64, i64, i64)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.category == "Technology") {
        let sum = expected.entry((&line.category, &line.product)).or_default();
        *sum = (sum.0 + 1, sum.1 + line.units, sum.2 + line.revenue);
    }
    let technology = Filter { category: Some("Technology".into()), ..Filter::default() };
    let query = Query::new(technology).by(Dimension::Category).by(Dimension::Product);
    let answer = store.answer(&query);
    let found =
        answer.rows.iter().map(|row| ((&*row.names[0], &*row.names[1]), tuple(&row.totals)));
    assert_eq!(found.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn threads_sum_what_one_thread_does() {
    let mut csv = Vec::new();
    mcp_tools_sales::generate(600_000, 7, &mut csv).expect("written to memory");
    let store = SalesStore::from_reader("generated", &csv[..]).expect("sales");
    let by_product = store.answer(&all().by(Dimension::Product));
    let mut totals = Totals::default();
    let mut by_day: BTreeMap<String, (u64, i64, i64)> = BTreeMap::new();
    // A day is summed by one thread.
    for row in store.answer(&all().grain(Grain::Day).by(Dimension::Product)).rows {
        let sum = by_day.entry(row.names[0].to_string()).or_default();
        let (lines, units, revenue) = tuple(&row.totals);
        *sum = (sum.0 + lines, sum.1 + units, sum.2 + revenue);
        totals.order_lines += lines;
    }
    assert_eq!(totals.order_lines, 600_000);
    let by_day: Vec<_> = by_day.iter().map(|(name, sum)| (name.as_str(), *sum)).collect();
    assert_eq!(named(&by_product), by_day);
}

#[test]
fn the_order_of_lines_changes_no_answer() {
    let mut reversed: Vec<&str> = SAMPLE.lines().skip(1).collect();
    reversed.reverse();
    let reversed =
        format!("{}\n{}\n", SAMPLE.lines().next().expect("a header"), reversed.join("\n"));
    let (one, other) =
        (store(), SalesStore::from_reader("reversed", reversed.as_bytes()).expect("sales"));
    for query in [
        top(all(), 1000, Measure::Units),
        all().grain(Grain::Month),
        all().by(Dimension::Operation).grain(Grain::Week),
    ] {
        assert_eq!(one.answer(&query), other.answer(&query));
    }
}

#[test]
fn operations_are_found_in_any_case() {
    let store = store();
    for name in ["Dallas", "dallas", " DALLAS "] {
        let scope = scope(&store, filter((Some(name), None, None))).expect("Dallas");
        assert_eq!(scope.filter.operation.as_deref(), Some("Dallas"));
    }
}

#[test]
fn an_unknown_operation_lists_the_closest_and_the_largest() {
    let store = store();
    let message = |name| {
        let error = scope(&store, filter((Some(name), None, None))).expect_err("unknown");
        assert_eq!(error.kind(), QueryErrorKind::UnknownName);
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
    let error = scope(&store, filter((Some("Atlantis"), None, None))).expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "There is no operation \"Atlantis\". The operations are: Austin, Dallas."
    );
}

#[test]
fn a_reversed_period_is_an_error() {
    let store = store();
    let error = scope(&store, filter((None, Some("2017-02-01"), Some("2017-01-31"))))
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
    let scope = scope(&store, filter((Some("dallas"), Some("2030-01-01"), Some("2030-12-31"))))
        .expect("a scope");
    assert_eq!(store.answer(&top(Query::new(scope.filter.clone()), 5, Measure::Revenue)).rows, []);
    assert_eq!(
        scope.note(),
        "There are no order lines in Dallas from 2030-01-01 to 2030-12-31. The data covers 2014-01-03 to 2017-12-30."
    );
}

#[test]
fn returns_count_against_sales() {
    let csv = "date,product,category,operation,units,revenue\n2017-01-01,Lamp,Furniture,Dallas,3,30.30\n2017-01-02,Lamp,Furniture,Dallas,-1,-10.1\n";
    let store = SalesStore::from_reader("s.csv", csv.as_bytes()).expect("sales");
    assert_eq!(tuple(&store.answer(&all()).rows[0].totals), (2, 2, 202_000));
}

#[test]
fn a_store_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&store());
}
