//! Loads sales and prints what loading and asking cost: `measure [FILE|ROWS] [first]`, a million made-up
//! rows unless given. With `first` it ends with its first answer, which goes to standard output.
//!
//! Run it with `--release`. `benches/compare.py` of this package runs it beside pandas, Polars and
//! DuckDB.

use std::{
    env,
    error::Error,
    hint,
    io::{self, Write as _},
    time::Instant,
};

use mcp_tools_sales::{Dimension, Filter, Grain, Measure, Order, Query, SalesStore};

/// Each question is asked so many times; the median is printed.
const TIMES: usize = 11;

fn main() -> Result<(), Box<dyn Error>> {
    let asked = env::args().nth(1).unwrap_or_else(|| "1000000".to_owned());
    let start = Instant::now();
    let store = match asked.parse() {
        Err(_) => SalesStore::open(&asked)?,
        Ok(rows) => {
            let mut csv = Vec::new();
            mcp_tools_sales::generate(rows, 0, &mut csv)?;
            SalesStore::from_reader("generated", &csv[..])?
        }
    };
    eprintln!("load {} rows: {:.2?}", store.order_lines(), start.elapsed());
    eprintln!(
        "memory: {:.1} bytes a row, {:.1} MB",
        store.heap_bytes() as f64 / store.order_lines() as f64,
        store.heap_bytes() as f64 / 1e6
    );
    let all = Filter::default();
    let dallas = Filter { operation: Some("Dallas".into()), ..Filter::default() };
    let year = Filter {
        from: Some("2017-01-01".parse()?),
        to: Some("2017-12-31".parse()?),
        ..Filter::default()
    };
    let top = |filter: &Filter| {
        let query = Query::new(filter.clone()).by(Dimension::Product);
        query.order(Order::Largest(Measure::Revenue)).limit(5)
    };
    let answer = store.answer(&top(&dallas));
    eprintln!("first answer: {:.2?}", start.elapsed());
    let products: Vec<&str> = answer.rows.iter().map(|row| &*row.names[0]).collect();
    writeln!(io::stdout(), "{products:?}")?;
    if env::args().nth(2).is_some_and(|only| only == "first") {
        return Ok(());
    }
    for (question, query) in [
        ("top 5 products", top(&all)),
        ("top 5 products in Dallas", top(&dallas)),
        ("top 5 products in one year of ten", top(&year)),
        ("totals", Query::new(all.clone())),
        ("categories", Query::new(all.clone()).by(Dimension::Category)),
        ("operations", Query::new(all.clone()).by(Dimension::Operation)),
        (
            "operations by month",
            Query::new(all.clone()).by(Dimension::Operation).grain(Grain::Month),
        ),
        ("days", Query::new(all).grain(Grain::Day)),
    ] {
        time(question, || _ = hint::black_box(store.answer(&query)));
    }
    Ok(())
}

fn time(question: &str, mut ask: impl FnMut()) {
    let mut times = [(); TIMES].map(|()| {
        let start = Instant::now();
        ask();
        start.elapsed()
    });
    times.sort_unstable();
    eprintln!("{question}: {:.2?}", times[TIMES / 2]);
}
