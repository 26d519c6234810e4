//! Prophet's numbers, against those of its Python package 1.5.0, which `bench/prophet_numbers.py` wrote down.

use std::{collections::HashMap, fmt::Debug, str::FromStr};

use mcp_forecast::{
    ForecastErrorKind as Kind, Grain, Growth, Model, Options, Prophet, Seasonality,
    SeasonalityMode, Series, forecast,
};

/// How far the farthest value may be from Python's in a case and in the mean over all cases, as a part of
/// the series' mean magnitude. Both look for the same maximum. Stan stops before it, the farther the
/// flatter it is: with `changepoint_prior_scale` 0.5 at a log density that is lower by 0.7.
const FARTHEST: f64 = 0.07;
const MEAN: f64 = 0.02;

fn all_series() -> HashMap<&'static str, Series> {
    let lines = include_str!("data/series.csv").lines().skip(1);
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split(',').collect();
            let grain = match columns[2] {
                "day" => Grain::Day,
                "week" => Grain::Week,
                _ => Grain::Month,
            };
            let values =
                columns[5].split(' ').map(|value| Some(value.parse().expect("a number"))).collect();
            (
                columns[0],
                Series::new(columns[3].parse().expect("a date"), grain, values).expect("a series"),
            )
        })
        .collect()
}

/// From `name=value name=value`, as the script writes them.
fn parameters(text: &str) -> Prophet {
    let mut prophet = Prophet::default();
    let seasonality = |value: &str| match value {
        "True" => Seasonality::On,
        "False" => Seasonality::Off,
        terms => Seasonality::Terms(terms.parse().expect("a number")),
    };
    for parameter in text.split_whitespace() {
        let (name, value) = parameter.split_once('=').expect("a name and a value");
        match name {
            "growth" => {
                assert_eq!(value, "flat");
                prophet.growth = Growth::Flat;
            }
            "n_changepoints" => prophet.n_changepoints = number(value),
            "changepoint_range" => prophet.changepoint_range = number(value),
            "changepoint_prior_scale" => prophet.changepoint_prior_scale = number(value),
            "seasonality_mode" => {
                assert_eq!(value, "multiplicative");
                prophet.seasonality_mode = SeasonalityMode::Multiplicative;
            }
            "seasonality_prior_scale" => prophet.seasonality_prior_scale = number(value),
            "yearly_seasonality" => prophet.yearly_seasonality = seasonality(value),
            "weekly_seasonality" => prophet.weekly_seasonality = seasonality(value),
            unknown => panic!("{unknown}"),
        }
    }
    prophet
}

fn number<T: FromStr<Err: Debug>>(value: &str) -> T {
    value.parse().expect("a number")
}

fn of_prophet(prophet: Prophet) -> Options {
    Options { models: vec![Model::Prophet], prophet, ..Options::default() }
}

#[test]
fn the_numbers_are_those_of_the_python_package() {
    let series = all_series();
    let mut distances = Vec::new();
    for line in include_str!("data/prophet.csv").lines().skip(1) {
        let [name, told, values] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let expected: Vec<f64> = values.split(' ').map(|value| value.parse().unwrap()).collect();
        let series = &series[name];
        let made = forecast(series, expected.len(), &of_prophet(parameters(told))).unwrap();
        assert_eq!(made.model, Model::Prophet);
        let known = series.values().iter().flatten();
        let mean = known.map(|value| value.abs()).sum::<f64>() / series.len() as f64;
        let farthest = made
            .points
            .iter()
            .zip(&expected)
            .map(|(point, value)| (point.value - value).abs() / mean)
            .fold(0.0, f64::max);
        assert!(farthest < FARTHEST, "{name} {told}: {farthest}");
        distances.push(farthest);
    }
    assert_eq!(distances.len(), 12);
    let mean = distances.iter().sum::<f64>() / 12.0;
    assert!(mean < MEAN, "{mean} {distances:?}");
}

#[test]
fn parameters_change_what_is_expected() {
    let series = &all_series()["superstore_monthly"];
    let of = |told: &str| {
        let made = forecast(series, 6, &of_prophet(parameters(told))).unwrap();
        made.points.iter().map(|point| point.value).collect::<Vec<_>>()
    };
    let usual = of("");
    for told in [
        "seasonality_mode=multiplicative",
        "changepoint_prior_scale=5",
        "seasonality_prior_scale=0.01",
        "n_changepoints=0",
        "changepoint_range=0.2",
        "yearly_seasonality=False",
        "growth=flat",
    ] {
        assert_ne!(of(told), usual, "{told}");
    }
}

#[test]
fn errors_and_intervals_are_those_of_cross_validation() {
    let made = forecast(&all_series()["pizzaplace"], 14, &of_prophet(Prophet::default())).unwrap();
    let validation = made.validation.unwrap();
    assert_eq!((validation.origins, validation.horizon), (5, 14));
    assert_eq!(validation.scores.len(), 1);
    assert!(validation.error > 0.0);
    for point in &made.points {
        assert!(point.lower_95 < point.lower_80 && point.lower_80 < point.value, "{point:?}");
    }
}

#[test]
fn it_does_not_compete_unless_it_is_named() {
    let made = forecast(&all_series()["superstore_monthly"], 6, &Options::default()).unwrap();
    let scores = made.validation.unwrap().scores;
    assert!(scores.iter().all(|score| score.model != Model::Prophet));
}

#[test]
fn few_values_are_enough_where_it_alone_is_wanted() {
    let values = [5.0, 7.0, 6.0, 9.0, 8.0, 9.0].map(Some).to_vec();
    let series = Series::new("2024-01-01".parse().unwrap(), Grain::Month, values).unwrap();
    let made = forecast(&series, 2, &of_prophet(Prophet::default())).unwrap();
    assert_eq!(made.model, Model::Prophet);
    assert!(made.points.iter().all(|point| (5.0..=15.0).contains(&point.value)), "{made:?}");
}

#[test]
fn parameters_out_of_their_range_are_refused_by_name() {
    let series = &all_series()["superstore_monthly"];
    let usual = Prophet::default;
    for (prophet, name) in [
        (Prophet { changepoint_prior_scale: 0.0, ..usual() }, "changepoint_prior_scale"),
        (Prophet { changepoint_range: 1.5, ..usual() }, "changepoint_range"),
        (Prophet { seasonality_prior_scale: f64::NAN, ..usual() }, "seasonality_prior_scale"),
        (Prophet { n_changepoints: 1_001, ..usual() }, "n_changepoints"),
        (Prophet { yearly_seasonality: Seasonality::Terms(0), ..usual() }, "yearly_seasonality"),
        (Prophet { weekly_seasonality: Seasonality::Terms(101), ..usual() }, "weekly_seasonality"),
    ] {
        let error = forecast(series, 3, &of_prophet(prophet)).unwrap_err();
        assert_eq!(error.kind(), Kind::Option);
        assert!(error.to_string().contains(name), "{error}");
    }
}
