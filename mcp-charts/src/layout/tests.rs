use chrono::NaiveDate;
use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    Band, Mark, Series,
    scene::{Area, Shape},
};

fn areas(scene: &Scene) -> Vec<(String, Area)> {
    let texts = scene.shapes.iter().filter_map(|shape| match shape {
        Shape::Text(text) => Some((text.content.clone(), text.area())),
        _ => None,
    });
    texts.collect()
}

/// That texts neither overlap nor leave the picture.
fn check(scene: &Scene) -> Result<(), String> {
    let areas = areas(scene);
    for (index, (a, here)) in areas.iter().enumerate() {
        let inside = here.x >= 0.0 && here.x + here.width <= scene.width && here.y >= 0.0;
        if !inside || here.y + here.height > scene.height {
            return Err(format!("{a:?} leaves the picture: {here:?}"));
        }
        for (b, there) in &areas[index + 1..] {
            let apart = here.x + here.width <= there.x
                || there.x + there.width <= here.x
                || here.y + here.height <= there.y
                || there.y + there.height <= here.y;
            if !apart {
                return Err(format!("{a:?} and {b:?} overlap: {here:?} {there:?}"));
            }
        }
    }
    Ok(())
}

fn dates(start: &str, step: u64, count: usize) -> X {
    let start: NaiveDate = start.parse().expect("a date");
    X::Dates((0..count as u64).map(|n| start + chrono::Days::new(n * step)).collect())
}

#[test]
fn texts_do_not_overlap_however_long_names_are() {
    let long = "A name of a product that nobody would want to read in full on any axis of any chart, ever ";
    for kind in [Kind::Lines, Kind::Bars, Kind::Stacked] {
        for count in [1, 2, 7, 60] {
            let x = X::Categories((0..count).map(|n| format!("{n} {long}")).collect());
            let values = |sign: f64| (0..count).map(|n| Some(sign * 1e6 * n as f64)).collect();
            let chart = Chart {
                title: long.repeat(3),
                subtitle: long.repeat(4),
                x_label: long.repeat(2),
                y_label: long.repeat(2),
                x,
                kind,
                series: (0..12)
                    .map(|n| {
                        Series::new(
                            format!("{n} {long}"),
                            values(if n % 2 == 0 { 1.0 } else { -1.0 }),
                        )
                    })
                    .collect(),
                marks: vec![],
            };
            check(&layout(&chart).unwrap())
                .unwrap_or_else(|fault| panic!("{kind:?} {count}: {fault}"));
        }
    }
}

#[test]
fn dates_are_named_as_often_as_there_is_room() {
    for (step, count, least) in
        [(1, 1, 1), (1, 5, 5), (1, 30, 4), (1, 400, 4), (7, 150, 3), (30, 48, 3), (1, 5_000, 4)]
    {
        let chart = Chart {
            title: "Revenue".into(),
            x: dates("2019-12-20", step, count),
            series: vec![Series::new("a", (0..count).map(|n| Some(n as f64)).collect())],
            ..Chart::default()
        };
        let scene = layout(&chart).unwrap();
        check(&scene).unwrap_or_else(|fault| panic!("{step} {count}: {fault}"));
        let named = areas(&scene).iter().filter(|(_, area)| area.y > scene.height - 45.0).count();
        assert!(named >= least, "{step} {count}: {named}");
    }
}

#[test]
fn a_chart_without_values_says_so() {
    let scene = layout(&Chart { title: "Nothing".into(), ..Chart::default() }).unwrap();
    assert!(areas(&scene).iter().any(|(text, _)| text.starts_with("There are no values")));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let two = || Series::new("two", vec![Some(1.0), Some(2.0)]);
    let over = |count: usize| X::Categories(vec![String::new(); count]);
    let charts = [
        Chart { x: over(3), series: vec![two()], ..Chart::default() },
        Chart { x: over(61), ..Chart::default() },
        Chart { x: over(2), series: vec![two(); 13], ..Chart::default() },
        Chart {
            x: over(2),
            series: vec![Series::new("", vec![Some(f64::NAN), None])],
            ..Chart::default()
        },
        Chart {
            x: over(2),
            series: vec![two()],
            marks: vec![Mark { index: 2, ..Mark::default() }],
            ..Chart::default()
        },
        Chart {
            x: over(2),
            series: vec![Series { bands: vec![Band::default()], ..two() }],
            ..Chart::default()
        },
    ];
    for chart in charts {
        assert!(layout(&chart).is_err(), "{chart:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_values_and_names_are_laid_out_without_overlap(
        values in vec(vec(option::of(prop_oneof![-1e3..1e3_f64, -1e30..1e30_f64, Just(0.0)]), 6), 0..5),
        names in vec("\\PC{0,40}", 6),
        title in "\\PC{0,200}",
        kind in prop_oneof![Just(Kind::Lines), Just(Kind::Bars), Just(Kind::Stacked)],
        dated: bool,
    ) {
        let x = if dated { dates("2024-02-25", 1, 6) } else { X::Categories(names.clone()) };
        let series = values.into_iter().zip(&names).map(|(values, name)| Series::new(name, values));
        let chart = Chart { title, y_label: names[0].clone(), x, kind, series: series.collect(), ..Chart::default() };
        let scene = layout(&chart).unwrap();
        prop_assert_eq!(check(&scene), Ok(()));
        crate::svg(&chart, crate::Theme::Dark).unwrap();
    }
}
