//! What stands out of series, and what does not.

use mcp_forecast::{AnomalyOptions, ForecastErrorKind, Grain, Series, anomalies};

const WEEK: [f64; 7] = [120.0, 90.0, 95.0, 100.0, 130.0, 210.0, 190.0];

fn days(change: impl Fn(usize, f64) -> f64) -> Series {
    let value = |day: usize| Some(change(day, WEEK[day % 7] + (day * 37 % 11) as f64));
    let start = "2024-01-01".parse().expect("a date");
    Series::new(start, Grain::Day, (0..140).map(value).collect()).expect("a series")
}

#[test]
fn a_spike_and_a_drop_are_found_with_what_was_expected() {
    let series = days(|day, value| match day {
        50 => value + 150.0,
        89 => value - 80.0,
        _ => value,
    });
    let found = anomalies(&series, &AnomalyOptions::default()).unwrap();
    let dates: Vec<String> =
        found.anomalies.iter().map(|anomaly| anomaly.date.to_string()).collect();
    assert_eq!(dates, ["2024-02-20", "2024-03-30"]);
    let (spike, drop) = (found.anomalies[0], found.anomalies[1]);
    assert!(spike.score > 10.0 && (spike.expected - WEEK[1]).abs() < 15.0, "{spike:?}");
    assert!(drop.score < -5.0 && (drop.seasonal - 75.0).abs() < 20.0, "{drop:?}");
    assert_eq!(found.seasons, [7]);
}

#[test]
fn what_only_a_saturday_has_is_no_anomaly() {
    assert_eq!(
        anomalies(&days(|_, value| value), &AnomalyOptions::default()).unwrap().anomalies,
        []
    );
}

#[test]
fn a_constant_series_has_none_and_one_that_breaks_it_has() {
    let constant = days(|_, _| 5.0);
    assert_eq!(anomalies(&constant, &AnomalyOptions::default()).unwrap().anomalies, []);
    let broken = days(|day, _| if day == 70 { 9.0 } else { 5.0 });
    assert_eq!(anomalies(&broken, &AnomalyOptions::default()).unwrap().anomalies.len(), 1);
}

#[test]
fn a_gap_is_no_anomaly() {
    let mut values: Vec<Option<f64>> = days(|_, value| value).values().to_vec();
    values[60] = None;
    let series = Series::new("2024-01-01".parse().unwrap(), Grain::Day, values).unwrap();
    assert_eq!(anomalies(&series, &AnomalyOptions::default()).unwrap().anomalies, []);
}

#[test]
fn too_few_values_and_a_threshold_out_of_range_are_refused() {
    let short = Series::new("2024-01-01".parse().unwrap(), Grain::Day, vec![Some(1.0); 7]).unwrap();
    let error = anomalies(&short, &AnomalyOptions::default()).expect_err("refused");
    assert_eq!(error.kind(), ForecastErrorKind::TooShort);
    let options = AnomalyOptions { threshold: f64::NAN, ..AnomalyOptions::default() };
    let error = anomalies(&days(|_, value| value), &options).expect_err("refused");
    assert_eq!(error.kind(), ForecastErrorKind::Option);
}
