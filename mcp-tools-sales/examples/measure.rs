//! Answers questions about sales and prints what that cost: `measure [FILE|s3://…|ROWS] [first|all|all-first]`, a
//! million made-up rows unless given. With `first` it ends with its first answer, which goes to standard output; with
//! `all` all columns of Parquet are read and checked at the start, as with `check = "start"`.
//!
//! Run it with `--release`. `benches/compare.py` of this package runs it beside pandas, Polars and
//! DuckDB.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use mcp_tools_sales::{
    Dimension, Filter, Grain, Measure, Order, Query, Sales, SalesFiles, SalesFormat, SalesStore,
};

/// Each question is asked so many times; the median is printed.
const TIMES: usize = 11;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let asked = env::args().nth(1).unwrap_or_else(|| "1000000".to_owned());
    let mode = env::args().nth(2).unwrap_or_default();
    let start = Instant::now();
    let (files, sales) = if let Ok(rows) = asked.parse() {
        let mut csv = Vec::new();
        mcp_tools_sales::generate(rows, 0, &mut csv)?;
        (None, Sales::from(SalesStore::from_reader("generated", &csv[..])?))
    } else if asked.starts_with("s3://") {
        (None, s3(&asked).await?)
    } else {
        let check = if mode.starts_with("all") { "check = \"start\"" } else { "" };
        let files = SalesFiles::open_as(&asked, &SalesFormat::from_toml(check)?)?;
        (Some(files.clone()), Sales::from(files))
    };
    let rows = sales.describe().await?.order_lines;
    eprintln!("open {rows} rows: {:.2?}", start.elapsed());
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
    // As the tools ask: names and the period are found first.
    let scope = sales.scope(dallas.clone(), &[Measure::Revenue]).await?;
    let answer = sales.answer(&top(&scope.filter)).await?;
    eprintln!("first answer: {:.2?}", start.elapsed());
    let products: Vec<&str> = answer.rows.iter().map(|row| &*row.names[0]).collect();
    writeln!(io::stdout(), "{products:?}")?;
    if mode.ends_with("first") {
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
        sales.answer(&query).await?;
        let mut times = Vec::new();
        let before = processor_time();
        for _ in 0..TIMES {
            let start = Instant::now();
            sales.answer(&query).await?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let used = (processor_time() - before) / u32::try_from(TIMES)?;
        eprintln!("again, {question}: {:.2?} wall, {used:.2?} cpu", times[TIMES / 2]);
    }
    if let Some(files) = files {
        let bytes = files.heap_bytes() as f64;
        eprintln!("columns: {:.1} bytes a row, {:.1} MB", bytes / rows as f64, bytes / 1e6);
    }
    Ok(())
}

#[cfg(feature = "s3")]
async fn s3(location: &str) -> Result<Sales, Box<dyn Error>> {
    Ok(mcp_tools_sales::S3Sales::new(location, &mcp_aws::load_config().await)?.into())
}

#[cfg(not(feature = "s3"))]
async fn s3(_: &str) -> Result<Sales, Box<dyn Error>> {
    Err("build with the feature s3".into())
}

/// What all threads have had of the processors so far, to a hundredth of a second; zero where only Linux tells.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
