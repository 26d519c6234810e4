//! Charts to look at: `cargo run -p mcp-charts --example gallery DIRECTORY`.

use std::{error::Error, path::PathBuf};

use mcp_charts::{Band, Chart, Kind, Mark, Series, Theme, X, page, png, svg};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "gallery".into()));
    std::fs::create_dir_all(&directory)?;
    let charts = [
        ("forecast", forecast()?),
        ("top", top()),
        ("compare", compare()),
        ("stacked", stacked()?),
        ("costs", costs()?),
        ("break-even", break_even()),
        ("many", many()?),
        ("many-rows", many_rows()),
        ("one-point", one_point()?),
        ("one-bar", one_bar()),
        ("negative", negative()?),
        ("billions", billions()?),
        ("billions-rows", billions_rows()),
        ("tiny", tiny()?),
        ("stacked-rows", stacked_rows()),
        ("begun", begun()?),
        ("nothing", Chart { title: "Nothing was sold".into(), ..Chart::default() }),
    ];
    for (name, chart) in charts {
        std::fs::write(directory.join(format!("{name}.svg")), svg(&chart, Theme::Light)?)?;
        std::fs::write(directory.join(format!("{name}-light.png")), png(&chart, Theme::Light)?)?;
        std::fs::write(directory.join(format!("{name}-dark.png")), png(&chart, Theme::Dark)?)?;
        std::fs::write(directory.join(format!("{name}.html")), page(&chart)?)?;
    }
    Ok(())
}

fn forecast() -> Result<Chart, Box<dyn Error>> {
    let start: chrono::NaiveDate = "2024-01-01".parse()?;
    let value = |day: usize| {
        400.0 + [0.0, -60.0, -40.0, 0.0, 70.0, 210.0, 110.0][day % 7] + (day * 7_919 % 101) as f64
    };
    let band = |half: f64| {
        let ends = |day| {
            let (value, half) = (value(day), half * (1.0 + (day as f64 - 120.0) / 60.0));
            (day >= 120).then_some((value - half, value + half))
        };
        (0..150).map(ends).collect()
    };
    let known = (0..150).map(|day| (day < 120).then(|| value(day))).collect();
    let expected = (0..150).map(|day| (day >= 120).then(|| value(day))).collect();
    Ok(Chart {
        title: "Revenue forecast, Dallas".into(),
        subtitle:
            "Combination of Theta, MSTL, MFLES and ARIMA; its error was 0.74 of seasonal naive's"
                .into(),
        y_label: "Revenue per day (USD)".into(),
        x: X::Dates(start.iter_days().take(150).collect()),
        series: vec![
            Series::new("Sold", known),
            Series {
                name: "Forecast".into(),
                values: expected,
                dashed: true,
                bands: vec![
                    Band { name: "95 % interval".into(), values: band(110.0) },
                    Band { name: "80 % interval".into(), values: band(60.0) },
                ],
            },
        ],
        marks: vec![Mark {
            index: 61,
            value: value(61),
            text: "Far above what was expected".into(),
        }],
        ..Chart::default()
    })
}

fn top() -> Chart {
    let products = [
        ("Canon imageCLASS 2200 Advanced Copier", 61_599.82),
        ("Fellowes PB500 Electric Punch Plastic Comb Binding Machine with Manual Bind", 27_453.38),
        ("Cisco TelePresence System EX90 Videoconferencing Unit", 22_638.48),
        ("HON 5400 Series Task Chairs for Big and Tall", 21_870.58),
        ("GBC DocuBind TL300 Electric Binding System", 19_823.48),
        ("Returned <goods> & \"others\"", -3_212.5),
    ];
    Chart {
        title: "Top products by revenue".into(),
        subtitle: "All operations, 2014-01-03 to 2017-12-30".into(),
        y_label: "Revenue (USD)".into(),
        x: X::Categories(products.iter().map(|(name, _)| (*name).to_owned()).collect()),
        kind: Kind::Bars,
        series: vec![Series::new(
            "Revenue",
            products.iter().map(|(_, value)| Some(*value)).collect(),
        )],
        ..Chart::default()
    }
}

fn compare() -> Chart {
    Chart {
        title: "Revenue by category, 2017 against 2016".into(),
        y_label: "Revenue (USD)".into(),
        x: X::Categories(
            ["Technology", "Furniture", "Office Supplies"].map(str::to_owned).to_vec(),
        ),
        kind: Kind::Bars,
        series: vec![
            Series::new("2016", [226_364.0, 198_901.0, 183_940.0].map(Some).to_vec()),
            Series::new("2017", [271_731.0, 215_387.0, 246_097.0].map(Some).to_vec()),
        ],
        ..Chart::default()
    }
}

fn stacked() -> Result<Chart, Box<dyn Error>> {
    let start: chrono::NaiveDate = "2016-01-01".parse()?;
    let months = (0..24).map(|month| start + chrono::Months::new(month)).collect();
    let values =
        |from: f64| (0..24).map(|m| Some(from + f64::from(m * 37 % 11) * from / 8.0)).collect();
    Ok(Chart {
        title: "Revenue by month and category".into(),
        y_label: "Revenue (USD)".into(),
        x: X::Dates(months),
        kind: Kind::Stacked,
        series: vec![
            Series::new("Technology", values(9_000.0)),
            Series::new("Furniture", values(6_000.0)),
            Series::new("Office Supplies", values(4_500.0)),
        ],
        ..Chart::default()
    })
}

/// As `get_cost_breakdown` has it: days and services.
fn costs() -> Result<Chart, Box<dyn Error>> {
    let start: chrono::NaiveDate = "2026-05-01".parse()?;
    let services = [
        "Amazon Elastic Compute Cloud - Compute",
        "Amazon Relational Database Service",
        "AmazonCloudWatch",
        "Amazon Simple Storage Service",
        "AWS Lambda",
        "Amazon Virtual Private Cloud",
        "Tax",
        "12 others",
    ];
    let series = services.iter().enumerate().map(|(of, service)| {
        let value = |day: usize| 31.0 / (of + 1) as f64 + (day * (of + 3) * 37 % 11) as f64 / 5.0;
        Series::new(*service, (0..31).map(|day| Some(value(day))).collect())
    });
    Ok(Chart {
        title: "Costs from 2026-05-01 to 2026-05-31: 3,012.44 USD".into(),
        subtitle: "Unblended cost, USD, partly estimated".into(),
        y_label: "USD".into(),
        x: X::Dates(start.iter_days().take(31).collect()),
        kind: Kind::Stacked,
        series: series.collect(),
        ..Chart::default()
    })
}

/// As `estimate_deployment_cost` has it: lines over requests a month, and where they cross.
fn break_even() -> Chart {
    let line = |name: &str, fixed: f64, each: f64| {
        let values = (0..=48).map(|step| Some(fixed + each * f64::from(step))).collect();
        Series::new(name, values)
    };
    let mark = |index: usize, value: f64, text: &str| Mark { index, value, text: text.into() };
    Chart {
        title: "What a month costs, by requests a month (asked: 5M)".into(),
        subtitle: "List prices of us-east-1, checked 2026-10-01 or later, without free tiers"
            .into(),
        x_label: "Requests a month".into(),
        y_label: "US dollars a month".into(),
        x: X::Categories(
            (0..=48)
                .map(
                    |step| {
                        if step == 0 { "0".into() } else { format!("{}M", f64::from(step) * 0.5) }
                    },
                )
                .collect(),
        ),
        series: vec![
            line("AWS Lambda, function URL", 0.0, 2.7),
            line("EC2, one t4g.small, on demand", 14.0, 0.3),
            line("ECS on Fargate, 0.25 vCPU, 0.5 GB", 25.4, 0.35),
            line("App Runner", 30.2, 0.4),
        ],
        marks: vec![
            mark(6, 15.8, "EC2 gets cheaper at about 3M requests a month"),
            mark(11, 29.25, "Fargate gets cheaper at about 5.5M requests a month"),
            mark(13, 35.4, "App Runner gets cheaper at about 6.5M requests a month"),
        ],
        ..Chart::default()
    }
}

/// As many series as there can be, with names that are too long.
fn many() -> Result<Chart, Box<dyn Error>> {
    let start: chrono::NaiveDate = "2024-01-01".parse()?;
    let series = (0..12).map(|of| {
        let value = |week: usize| 100.0 + (of * 37) as f64 + (week * (of + 5) * 7_919 % 43) as f64;
        let name = format!("Branch {of} of the north-western sales region, formerly Hull");
        Series::new(name, (0..60).map(|week| Some(value(week))).collect())
    });
    Ok(Chart {
        title: "Units by week and operation, with a title that is longer than a chart is wide and so has to be cut somewhere".into(),
        subtitle: "All products, all categories, 2024-01-01 to 2025-02-23, and a subtitle that goes on for as long as it takes to be cut as well, which is long".into(),
        y_label: "Units".into(),
        x: X::Dates(start.iter_days().step_by(7).take(60).collect()),
        series: series.collect(),
        ..Chart::default()
    })
}

fn many_rows() -> Chart {
    let rows = 0..60;
    let value = |row: i32| 1e6 / f64::from(row + 1) - 40_000.0;
    Chart {
        title: "Sixty products".into(),
        y_label: "Revenue (USD)".into(),
        x: X::Categories(rows.clone().map(|row| format!("Product number {row}")).collect()),
        kind: Kind::Bars,
        series: vec![Series::new("Revenue", rows.map(|row| Some(value(row))).collect())],
        ..Chart::default()
    }
}

fn one_point() -> Result<Chart, Box<dyn Error>> {
    Ok(Chart {
        title: "A single day".into(),
        y_label: "Revenue (EUR)".into(),
        x: X::Dates(vec!["2024-02-29".parse()?]),
        series: vec![Series::new("Revenue", vec![Some(1_234.5)])],
        ..Chart::default()
    })
}

fn one_bar() -> Chart {
    Chart {
        title: "A single product".into(),
        y_label: "Units".into(),
        x: X::Categories(vec!["Lamp".into()]),
        kind: Kind::Bars,
        series: vec![Series::new("Units", vec![Some(3.0)])],
        ..Chart::default()
    }
}

/// More came back than was sold, and some months nothing is known of.
fn negative() -> Result<Chart, Box<dyn Error>> {
    let start: chrono::NaiveDate = "2015-01-01".parse()?;
    let months = (0..36).map(|month| start + chrono::Months::new(month)).collect();
    let value = |m: usize| (m % 9 != 4).then(|| -2_000.0 + (m * 7_919 % 101) as f64 * 25.0);
    Ok(Chart {
        title: "Revenue less returns".into(),
        y_label: "Revenue (USD)".into(),
        x: X::Dates(months),
        series: vec![
            Series::new("Lamps", (0..36).map(value).collect()),
            Series::new("Pens", (0..36).map(|m| value(m + 13).map(|v| v / 3.0)).collect()),
        ],
        marks: vec![Mark { index: 12, value: value(12).unwrap_or(0.0), text: "Far off".into() }],
        ..Chart::default()
    })
}

fn billions() -> Result<Chart, Box<dyn Error>> {
    let mut chart = forecast()?;
    chart.title = "Revenue of a large company".into();
    for series in &mut chart.series {
        for value in series.values.iter_mut().flatten() {
            *value = *value * 7e6 + 1e9;
        }
        for (lower, upper) in series.bands.iter_mut().flat_map(|b| b.values.iter_mut().flatten()) {
            (*lower, *upper) = (*lower * 7e6 + 1e9, *upper * 7e6 + 1e9);
        }
    }
    chart.marks.clear();
    Ok(chart)
}

fn billions_rows() -> Chart {
    let mut chart = compare();
    for value in chart.series.iter_mut().flat_map(|series| series.values.iter_mut().flatten()) {
        *value *= 12_345.678;
    }
    chart
}

fn tiny() -> Result<Chart, Box<dyn Error>> {
    let start: chrono::NaiveDate = "2024-12-29".parse()?;
    Ok(Chart {
        title: "Cost of a call".into(),
        y_label: "US dollars".into(),
        x: X::Dates(start.iter_days().take(5).collect()),
        kind: Kind::Bars,
        series: vec![
            Series::new("Lambda", [2e-7, 3e-7, 2.5e-7, 4e-7, 1e-7].map(Some).to_vec()),
            Series::new("Fargate", [1e-7, 1.3e-7, 1.5e-7, 1.4e-7, 1e-7].map(Some).to_vec()),
        ],
        ..Chart::default()
    })
}

fn stacked_rows() -> Chart {
    let names = ["Dallas", "San Francisco", "Returned only", "Nothing at all"];
    Chart {
        title: "Revenue by operation and category".into(),
        y_label: "Revenue (USD)".into(),
        x: X::Categories(names.map(str::to_owned).to_vec()),
        kind: Kind::Stacked,
        series: vec![
            Series::new("Technology", vec![Some(5_000.0), Some(4_000.0), Some(-700.0), None]),
            Series::new("Furniture", vec![Some(2_500.0), Some(-900.0), Some(-200.0), None]),
            Series::new("Office Supplies", vec![Some(1_100.0), Some(2_300.0), None, Some(0.0)]),
        ],
        ..Chart::default()
    }
}

/// A short past, and a forecast that is longer.
fn begun() -> Result<Chart, Box<dyn Error>> {
    let start: chrono::NaiveDate = "2024-01-01".parse()?;
    let band = |half: f64| {
        let ends = |m: i32| {
            (m >= 5).then(|| (900.0 - half * f64::from(m - 5), 900.0 + half * f64::from(m - 5)))
        };
        (0..12).map(ends).collect()
    };
    Ok(Chart {
        title: "Forecast of units by month".into(),
        subtitle: "There is too little data to compare models".into(),
        y_label: "Units per month".into(),
        x: X::Dates((0..12).map(|month| start + chrono::Months::new(month)).collect()),
        series: vec![
            Series::new(
                "Sold",
                (0..12).map(|m| (m < 6).then_some(f64::from(870 + m * 6))).collect(),
            ),
            Series {
                name: "Forecast".into(),
                values: (0..12).map(|m| (m >= 5).then_some(900.0)).collect(),
                dashed: true,
                bands: vec![
                    Band { name: "95 % interval".into(), values: band(210.0) },
                    Band { name: "80 % interval".into(), values: band(120.0) },
                ],
            },
        ],
        ..Chart::default()
    })
}
