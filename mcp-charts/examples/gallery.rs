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
