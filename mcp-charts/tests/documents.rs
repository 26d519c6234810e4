//! The documents that charts become.

use mcp_charts::{APP, Band, Chart, Kind, Mark, Series, Theme, X, page, png, svg};

fn chart() -> Chart {
    let start: chrono::NaiveDate = "2024-01-01".parse().expect("a date");
    let values =
        |from: f64| (0..40).map(|day| Some(from + f64::from(day % 7) * 10.0)).collect::<Vec<_>>();
    let band =
        |half: f64| values(100.0).into_iter().map(|v| v.map(|v| (v - half, v + half))).collect();
    Chart {
        title: "Revenue <&> \"forecast\" 'x'".into(),
        y_label: "Revenue (USD)".into(),
        x: X::Dates(start.iter_days().take(40).collect()),
        series: vec![Series {
            name: "</text><script>alert(1)</script>".into(),
            values: values(100.0),
            dashed: true,
            bands: vec![
                Band { name: "95 %".into(), values: band(30.0) },
                Band { name: "80 %".into(), values: band(15.0) },
            ],
        }],
        marks: vec![Mark { index: 3, value: 130.0, text: "a & b\u{1}".into() }],
        ..Chart::default()
    }
}

#[test]
fn names_from_data_are_escaped() {
    for svg in
        [svg(&chart(), Theme::Light).unwrap(), fragment(&chart()).unwrap(), page(&chart()).unwrap()]
    {
        assert!(svg.contains("Revenue &lt;&amp;&gt; &quot;forecast&quot; &#39;x&#39;"));
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;"));
        assert!(!svg.contains("<script>alert") && !svg.contains('\u{1}'));
    }
}

#[test]
fn an_svg_is_well_formed_and_fetches_nothing() {
    let svg = svg(&chart(), Theme::Dark).unwrap();
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" ") && svg.ends_with("</svg>")
    );
    // Each tag is closed, and by its own name.
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a closed tag");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty());
    for outside in ["href", "url(", "@import", "<image", "<script"] {
        assert!(!svg.contains(outside), "{outside}");
    }
}

#[test]
fn a_png_has_the_colors_of_its_theme() {
    for theme in [Theme::Light, Theme::Dark] {
        let png = png(&chart(), theme).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert!(png.len() > 10_000, "{}", png.len());
    }
    assert_ne!(png(&chart(), Theme::Light).unwrap(), png(&chart(), Theme::Dark).unwrap());
}

#[test]
fn the_same_chart_is_drawn_the_same() {
    assert_eq!(svg(&chart(), Theme::Light), svg(&chart(), Theme::Light));
}

#[test]
fn the_app_stays_small() {
    assert!(APP.len() < 16_000, "{}", APP.len());
}

#[test]
fn bars_stand_on_zero_and_stacks_on_each_other() {
    let names = ["Dallas", "Austin"].map(str::to_owned).to_vec();
    let bars = |kind| Chart {
        x: X::Categories(names.clone()),
        kind,
        series: vec![
            Series::new("a", vec![Some(10.0), Some(-5.0)]),
            Series::new("b", vec![Some(30.0), None]),
        ],
        ..Chart::default()
    };
    let ends = |kind| {
        let svg = svg(&bars(kind), Theme::Light).unwrap();
        let number = |tag: &str, name: &str| -> f64 {
            let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        svg.split("<rect class=\"g")
            .skip(1)
            .map(|tag| (number(tag, "x"), number(tag, "x") + number(tag, "width")))
            .collect::<Vec<_>>()
    };
    let [a, b, below] = ends(Kind::Bars)[..] else { panic!("three bars") };
    assert!((a.0 - b.0).abs() < 0.2 && (below.1 - a.0).abs() < 0.2);
    assert!(((b.1 - b.0) / (a.1 - a.0) - 3.0).abs() < 0.01);
    let [a, b, _] = ends(Kind::Stacked)[..] else { panic!("three bars") };
    assert!((a.1 - b.0).abs() < 0.2);
}
