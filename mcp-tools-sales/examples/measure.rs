//! Loads made-up sales and prints what loading and asking cost: `measure [ROWS]`, a million rows
//! unless given.
//!
//! Run it with `--release`.

use std::{env, error::Error, hint, time::Instant};

use mcp_tools_sales::{Measure, SalesStore, Selection};

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

    let all = store.select(None, None, None)?;
    let dallas = store.select(Some("Dallas"), None, None)?;
    let year = store.select(None, Some("2017-01-01".parse()?), Some("2017-12-31".parse()?))?;
    let top = |selection: &Selection<'_>| {
        _ = hint::black_box(selection.top_products(5, Measure::Revenue));
    };
    time("top 5 products", || top(&all));
    time("top 5 products in Dallas", || top(&dallas));
    time("top 5 products in one year of ten", || top(&year));
    time("totals", || _ = hint::black_box(all.totals()));
    time("categories", || _ = hint::black_box(all.categories()));
    time("operations", || _ = hint::black_box(all.operations()));
    time("months", || _ = hint::black_box(all.months()));
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
