//! Whatever the numbers are, there is a forecast or an error, and never a panic.

use mcp_forecast::{AnomalyOptions, Gaps, Grain, Options, Series, anomalies, forecast};
use proptest::{collection::vec, option, prelude::*};

fn any_value() -> impl Strategy<Value = Option<f64>> {
    let finite = prop_oneof![
        4 => -1e3..1e3_f64,
        2 => (0..20_i32).prop_map(f64::from),
        1 => Just(0.0),
        1 => -1e100..1e100_f64,
        1 => Just(f64::MIN_POSITIVE),
        1 => Just(1e-310),
    ];
    option::weighted(0.9, finite)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_finite_series_is_forecast_or_refused(
        values in vec(any_value(), 0..90),
        grain in prop_oneof![Just(Grain::Day), Just(Grain::Week), Just(Grain::Month)],
        horizon in 0..40_usize,
        replace_outliers: bool,
        zero: bool,
    ) {
        let series = Series::new("2023-11-01".parse().unwrap(), grain, values).unwrap();
        let gaps = if zero { Gaps::Zero } else { Gaps::Interpolate };
        let options = Options {
            gaps,
            replace_outliers,
            holidays: Some(mcp_forecast::Country::Us),
            ..Options::default()
        };
        if let Ok(forecast) = forecast(&series, horizon, &options) {
            prop_assert_eq!(forecast.points.len(), horizon);
            for point in forecast.points {
                prop_assert!(point.value.is_finite());
                prop_assert!(point.lower_95 <= point.lower_80 && point.lower_80 <= point.value);
                prop_assert!(point.value <= point.upper_80 && point.upper_80 <= point.upper_95);
            }
        }
        if let Ok(found) = anomalies(&series, &AnomalyOptions { gaps, ..AnomalyOptions::default() }) {
            for anomaly in found.anomalies {
                prop_assert!(anomaly.score.abs() > 3.5 && anomaly.expected.is_finite());
            }
        }
    }

    #[test]
    fn any_values_make_a_series_or_an_error(values in vec(option::of(any::<f64>()), 0..20)) {
        let finite = values.iter().flatten().all(|value| value.is_finite() && value.abs() <= 1e100);
        let series = Series::new("2024-02-29".parse().unwrap(), Grain::Month, values);
        prop_assert_eq!(series.is_ok(), finite);
    }
}
