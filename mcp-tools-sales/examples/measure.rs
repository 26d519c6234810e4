//! Loads made-up sales and prints what loading and asking cost: `measure [ROWS]`, a million rows
//! unless given.
//!
//! Run it with `--release`.

use std::{env, error::Error, hint, time::Instant};

use mcp_tools_sales::{Dimension, Filter, Grain, Measure, Order, Query, SalesStore};

/// Each question is asked so many times; the median is printed.
const TIMES: usize = 11;

fn main() -> Result<(), Box<dyn Error>> {
    let rows: u64 = env::args().nth(1).map_or(Ok(1_000_000), |rows| rows.parse())?;
    let mut csv = Vec::new();
    mcp_tools_sales::generate(rows, 0, &mut csv)?;

    let start = Instant::now();
    let store = SalesStore::from_reader("generated", &csv[..])?;
    let load = start.elapsed();
    let megabytes = csv.len() as f64 / 1e6;
    eprintln!(
        "load {rows} rows ({megabytes:.1} MB): {load:.2?}, {:.0} MB/s",
        megabytes / load.as_secs_f64()
    );
    eprintln!("memory: {:.1} bytes a row", store.heap_bytes() as f64 / rows as f64);

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
