//! What forecasts are, for series whose answer is known.

use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_forecast::{
    Country, Forecast, ForecastErrorKind as Kind, Gaps, Grain, MAX_LEN, Model, Options, Series,
    forecast, forecast_while,
};

const WEEK: [f64; 7] = [120.0, 90.0, 95.0, 100.0, 130.0, 210.0, 190.0];

fn series(grain: Grain, values: impl IntoIterator<Item = f64>) -> Series {
    let values = values.into_iter().map(Some).collect();
    Series::new("2024-01-01".parse().expect("a date"), grain, values).expect("a series")
}

fn weeks(count: usize) -> impl Iterator<Item = f64> {
    (0..count).flat_map(|_| WEEK)
}

fn made(series: &Series, horizon: usize) -> Forecast {
    forecast(series, horizon, &Options::default()).expect("a forecast")
}

/// Numbers from a normal distribution, the same in every run: sums of twelve uniform ones.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    std::iter::repeat_with(move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0)
}

#[test]
fn what_repeats_exactly_is_forecast_exactly() {
    let forecast = made(&series(Grain::Day, weeks(20)), 14);
    let values: Vec<f64> = forecast.points.iter().map(|point| point.value).collect();
    assert_eq!(values, weeks(2).collect::<Vec<_>>());
    assert_eq!(forecast.model, Model::SeasonalNaive);
    assert!(forecast.points.iter().all(|point| point.lower_95 == point.value));
}

#[test]
fn a_line_goes_on() {
    let forecast =
        made(&series(Grain::Month, (0..60).map(|month| 100.0 + 5.0 * f64::from(month))), 6);
    for (ahead, point) in forecast.points.iter().enumerate() {
        let expected = 100.0 + 5.0 * (60 + ahead) as f64;
        // Within two steps.
        assert!((point.value - expected).abs() < 10.0, "{expected}: {point:?}");
    }
}

#[test]
fn a_constant_goes_on_and_says_how_little_is_known() {
    for constant in [0.0, 7.5, -3.0] {
        let forecast = made(&series(Grain::Day, [constant; 40]), 5);
        assert!(forecast.points.iter().all(|point| (point.value - constant).abs() < 1e-9));
        assert!(forecast.notes.iter().any(|note| note.contains("All values are equal")));
    }
}

#[test]
fn the_dates_follow_the_last_one() {
    let dates = |grain| {
        let forecast = made(&series(grain, [1.0, 3.0, 2.0, 4.0, 3.0, 5.0]), 2);
        forecast.points.iter().map(|point| point.date.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(dates(Grain::Day), ["2024-01-07", "2024-01-08"]);
    assert_eq!(dates(Grain::Week), ["2024-02-12", "2024-02-19"]);
    assert_eq!(dates(Grain::Month), ["2024-07-01", "2024-08-01"]);
}

#[test]
fn intervals_hold_what_they_promise() {
    // Weekly pattern and noise; a random walk; noise around a slow trend. 60 series of each, 14 ahead.
    let simulated = |kind: usize, seed: u64| -> Vec<f64> {
        let mut level = 500.0;
        noise(seed)
            .take(214)
            .enumerate()
            .map(|(day, e)| match kind {
                0 => WEEK[day % 7] + 15.0 * e,
                1 => {
                    level += 4.0 * e;
                    level
                }
                _ => 300.0 + 0.3 * day as f64 + 20.0 * e,
            })
            .collect()
    };
    for kind in 0..3 {
        let (mut of_80, mut of_95, mut count) = (0, 0, 0);
        for seed in 1..=60 {
            let values = simulated(kind, seed);
            let forecast = made(&series(Grain::Day, values[..200].iter().copied()), 14);
            for (point, actual) in forecast.points.iter().zip(&values[200..]) {
                of_80 += usize::from((point.lower_80..=point.upper_80).contains(actual));
                of_95 += usize::from((point.lower_95..=point.upper_95).contains(actual));
                count += 1;
            }
        }
        let part = |inside: usize| inside as f64 / f64::from(count);
        assert!((0.72..=0.92).contains(&part(of_80)), "{kind}: {}", part(of_80));
        assert!((0.88..=1.0).contains(&part(of_95)), "{kind}: {}", part(of_95));
    }
}

#[test]
fn validation_says_how_models_did_against_seasonal_naive() {
    let noisy = weeks(30).zip(noise(5)).map(|(value, e)| value + 12.0 * e);
    let forecast = made(&series(Grain::Day, noisy), 14);
    let validation = forecast.validation.expect("validated");
    assert_eq!((validation.origins, validation.horizon), (5, 14));
    assert!(validation.relative_error().expect("naive errs") < 0.9, "{validation:?}");
    assert_eq!(validation.scores[0].model, forecast.model);
    assert_eq!(validation.scores.len(), 7);
}

#[test]
fn too_little_data_says_what_is_needed() {
    let error =
        forecast(&series(Grain::Day, [1.0, 2.0]), 1, &Options::default()).expect_err("too short");
    assert_eq!(error.kind(), Kind::TooShort);
    assert!(
        error.to_string().contains("at least 4") && error.to_string().contains("15 to see"),
        "{error}"
    );

    let forecast = made(&series(Grain::Month, [5.0, 7.0, 6.0, 9.0, 8.0]), 2);
    assert_eq!(forecast.validation, None);
    assert!(forecast.notes.iter().any(|note| note.contains("takes 27 months, and there are 5")));
    assert!(forecast.points[0].lower_95 < forecast.points[0].value);
}

#[test]
fn a_horizon_beyond_reason_is_refused() {
    let month = series(Grain::Day, weeks(4));
    for horizon in [0, 29, 1_000_000_000, usize::MAX] {
        let error = forecast(&month, horizon, &Options::default()).expect_err("refused");
        assert_eq!(error.kind(), Kind::Horizon);
        assert!(error.to_string().contains("from 1 to 28 days"), "{error}");
    }
    assert_eq!(made(&month, 28).points.len(), 28);
    let long = series(Grain::Day, weeks(300));
    assert!(forecast(&long, 1_001, &Options::default()).is_err());
}

#[test]
fn values_that_are_no_numbers_are_refused_by_date() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let error =
            Series::new("2024-01-01".parse().unwrap(), Grain::Day, vec![Some(1.0), Some(value)])
                .expect_err("refused");
        assert_eq!(error.kind(), Kind::Value);
        assert!(error.to_string().contains("2024-01-02"), "{error}");
    }
    let long = Series::new("2024-01-01".parse().unwrap(), Grain::Day, vec![None; MAX_LEN + 1]);
    assert_eq!(long.expect_err("refused").kind(), Kind::TooLong);
    let late = Series::new("9999-12-30".parse().unwrap(), Grain::Day, vec![Some(1.0); 9]);
    assert_eq!(late.expect_err("refused").kind(), Kind::Date);
}

#[test]
fn gaps_are_bridged_or_zero() {
    let mut values: Vec<Option<f64>> = weeks(12).map(Some).collect();
    for gap in [3, 20, 40, 41, 83] {
        values[gap] = None;
    }
    let holed = Series::new("2024-01-01".parse().unwrap(), Grain::Day, values).unwrap();
    let bridged = made(&holed, 7);
    assert_eq!(bridged.gaps, 5);
    assert!(
        bridged.points.iter().zip(WEEK).all(|(point, value)| (point.value - value).abs() < 1e-6)
    );
    assert!(bridged.notes.iter().any(|note| note.contains("5 of 84 days")));

    let zero = Options { gaps: Gaps::Zero, ..Options::default() };
    let zero = forecast(&holed, 7, &zero).unwrap();
    assert!(zero.notes.iter().any(|note| note.contains("taken for zero")));
}

#[test]
fn points_make_a_series_with_gaps() {
    let points =
        [("2024-02-10", 2.0), ("2024-01-03", 1.0), ("2024-02-29", 3.0), ("2024-04-01", 4.0)];
    let points = points.map(|(date, value)| (date.parse().unwrap(), value));
    let months = Series::from_points(Grain::Month, points).unwrap();
    assert_eq!(months.start(), "2024-01-01".parse().unwrap());
    assert_eq!(months.values(), [Some(1.0), Some(5.0), None, Some(4.0)]);
    let weeks = Series::from_points(Grain::Week, points).unwrap();
    assert_eq!((weeks.start(), weeks.len()), ("2024-01-01".parse().unwrap(), 14));
}

#[test]
fn an_outlier_is_replaced_when_asked() {
    let mut values: Vec<f64> = weeks(20).zip(noise(3)).map(|(value, e)| value + 3.0 * e).collect();
    values[130] = 5_000.0;
    let spiked = series(Grain::Day, values);
    let options = Options { replace_outliers: true, ..Options::default() };
    let forecast = forecast(&spiked, 7, &options).unwrap();
    assert!((1..=3).contains(&forecast.replaced.len()), "{:?}", forecast.replaced);
    assert!(
        forecast.replaced.iter().any(|replaced| (replaced.observed - 5_000.0).abs() < 1e-6),
        "{:?}",
        forecast.replaced
    );
    assert!(
        forecast.points.iter().zip(WEEK).all(|(point, value)| (point.value - value).abs() < 25.0)
    );
}

#[test]
fn a_holiday_that_doubled_sales_is_expected_to_do_so_again() {
    // From 2021-01-01; 4 July is a holiday of the United States.
    let start: chrono::NaiveDate = "2021-01-01".parse().unwrap();
    let value = |day: usize| {
        let date = Grain::Day.after(start, day).unwrap();
        let lift = if date.format("%m-%d").to_string() == "07-04" { 300.0 } else { 0.0 };
        Some(WEEK[day % 7] + lift + (day * 37 % 11) as f64)
    };
    // Until 2024-06-30: three summers are known.
    let values: Vec<_> = (0..1_277).map(value).collect();
    let series = Series::new(start, Grain::Day, values).unwrap();
    let at_holiday = |holidays| {
        let options = Options { holidays, models: vec![Model::Theta], ..Options::default() };
        let forecast = forecast(&series, 7, &options).unwrap();
        let point = forecast.points.iter().find(|point| point.date.to_string() == "2024-07-04");
        point.expect("in the horizon").value
    };
    let lift = at_holiday(Some(Country::Us)) - at_holiday(None);
    assert!((180.0..=310.0).contains(&lift), "{lift}");
}

#[test]
fn a_yearly_pattern_of_days_is_learned() {
    let value = |day: usize| {
        400.0 + WEEK[day % 7] + 150.0 * (day as f64 * std::f64::consts::TAU / 365.0).sin()
    };
    let noisy = (0..1_200).zip(noise(9)).map(|(day, e)| value(day) + 5.0 * e);
    let forecast = made(&series(Grain::Day, noisy), 60);
    assert_eq!(forecast.seasons, [7, 365]);
    let error: f64 = forecast
        .points
        .iter()
        .enumerate()
        .map(|(ahead, point)| (point.value - value(1_200 + ahead)).abs() / 60.0)
        .sum();
    assert!(error < 30.0, "{error}");
}

#[test]
fn nothing_is_expected_below_zero_where_nothing_ever_was() {
    let falling = (0..40).map(|day| (200.0 - 5.2 * f64::from(day)).max(0.0));
    let forecast = made(&series(Grain::Day, falling), 20);
    assert!(forecast.points.iter().all(|point| point.value >= 0.0 && point.lower_95 >= 0.0));
}

#[test]
fn a_level_of_ones_own_lies_between_the_others() {
    let options = Options { level: Some(0.9), ..Options::default() };
    let noisy = series(Grain::Day, weeks(20).zip(noise(2)).map(|(value, e)| value + 9.0 * e));
    for point in forecast(&noisy, 7, &options).unwrap().points {
        let at_level = point.at_level.expect("asked for");
        assert!(at_level.upper >= point.upper_80 && at_level.upper <= point.upper_95, "{point:?}");
    }
    let options = Options { level: Some(1.0), ..Options::default() };
    assert_eq!(forecast(&noisy, 7, &options).expect_err("refused").kind(), Kind::Option);
}

#[test]
fn a_caller_can_stop_between_models() {
    let asked = AtomicUsize::new(0);
    let go_on = || asked.fetch_add(1, Ordering::Relaxed) < 3;
    let error = forecast_while(&series(Grain::Day, weeks(20)), 7, &Options::default(), &go_on);
    assert_eq!(error.expect_err("stopped").kind(), Kind::Stopped);
    // Each thread that works on it asks once more at most for each model.
    assert!((4..=10).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
}

#[test]
fn the_benchmarks_series_are_forecast_better_than_by_repeating_them() {
    let mut ratios = Vec::new();
    for line in include_str!("data/series.csv").lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        if columns[2] == "day" {
            continue; // Those take too long without optimization.
        }
        let grain = if columns[2] == "week" { Grain::Week } else { Grain::Month };
        let season = grain.seasons()[0];
        let horizon: usize = columns[4].parse().unwrap();
        let values: Vec<f64> = columns[5].split(' ').map(|value| value.parse().unwrap()).collect();
        let (known, actual) = values.split_at(values.len() - horizon);
        if known.len() < 2 * season {
            continue;
        }
        let forecast = made(&series(grain, known.iter().copied()), horizon);
        let error = |predicted: &dyn Fn(usize) -> f64| -> f64 {
            actual.iter().enumerate().map(|(ahead, value)| (value - predicted(ahead)).abs()).sum()
        };
        let naive = error(&|ahead| known[known.len() - season + ahead % season]);
        ratios.push(error(&|ahead| forecast.points[ahead].value) / naive);
    }
    assert_eq!(ratios.len(), 16);
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!(mean < 0.9, "{mean} {ratios:?}");
}
