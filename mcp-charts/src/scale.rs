//! Round numbers and dates for axes.

use chrono::{Datelike, Months, NaiveDate};

/// A linear scale whose ends and steps are round numbers.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    step: f64,
}

impl Scale {
    /// Covers all values with some `steps` steps; from zero where the values are not far from it.
    pub(crate) fn new(values: impl Iterator<Item = f64>, with_zero: bool, steps: usize) -> Self {
        let (mut low, mut high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if with_zero || (low > 0.0 && low < (high - low) * 0.8) {
            low = low.min(0.0);
        }
        if with_zero || (high < 0.0 && -high < (high - low) * 0.8) {
            high = high.max(0.0);
        }
        if high - low <= high.abs().max(low.abs()) * 1e-9 {
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low, high) = (low - room, high + room);
        }
        let raw = (high - low) / steps as f64;
        let magnitude = 10.0_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| *step >= raw * (1.0 - 1e-9))
            .unwrap_or(10.0 * magnitude);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// Where a value is, from 0 to 1.
    pub(crate) fn place(&self, value: f64) -> f32 {
        ((value - self.low) / (self.high - self.low)) as f32
    }

    /// The round numbers and what they are called.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let largest = self.high.abs().max(self.low.abs());
        let values = (0..=count.min(20)).map(|index| self.low + index as f64 * self.step);
        values.map(|value| (value, number_in(value, largest, self.step))).collect()
    }
}

/// A value for people: three or four digits that matter, in thousands, millions or billions where it
/// is large.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    let step = match magnitude {
        m if m >= 1e5 => 10.0_f64.powf(m.log10().floor() - 3.0),
        m if m >= 1_000.0 => 1.0,
        _ => 0.01,
    };
    let text = number_in(value, magnitude, step);
    if !text.contains('.') || text.contains('e') {
        return text;
    }
    let end = text.trim_end_matches(char::is_alphabetic).len();
    let (digits, suffix) = text.split_at(end);
    format!("{}{suffix}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// A value with as many decimals as multiples of a step need, in the unit of the largest one.
fn number_in(value: f64, largest: f64, step: f64) -> String {
    let (unit, suffix) = match largest {
        _ if value == 0.0 => return "0".to_owned(),
        l if l >= 1e15 => return scientific(value),
        l if l >= 1e12 => (1e12, "T"),
        l if l >= 1e9 => (1e9, "B"),
        l if l >= 1e6 => (1e6, "M"),
        l if l >= 1e5 => (1e3, "k"),
        l if l < 1e-4 && l > 0.0 => return scientific(value),
        _ => (1.0, ""),
    };
    let (value, step) = (value / unit, step / unit);
    let decimals = (0..6).find(|&decimals| {
        let scaled = step * 10.0_f64.powi(decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0) && scaled.round() >= 1.0
    });
    let text = format!("{:.*}", usize::try_from(decimals.unwrap_or(2)).unwrap_or(2), value.abs());
    let (whole, fraction) = text.split_once('.').map_or((&text[..], ""), |(whole, f)| (whole, f));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    let sign = if value < 0.0 && !zero { "−" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}{}", if zero { "" } else { suffix })
}

/// `2.5e-7`, to three digits.
fn scientific(value: f64) -> String {
    let text = format!("{:.2e}", value.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    let minus = if value < 0.0 { "−" } else { "" };
    format!("{minus}{digits}e{}", exponent.replace('-', "−"))
}

/// Which dates an axis names.
#[derive(Clone, Copy, Debug)]
enum Every {
    Days(i64),
    Months(u32),
}

/// From every day to every hundred years.
const STEPS: [Every; 15] = [
    Every::Days(1),
    Every::Days(2),
    Every::Days(7),
    Every::Days(14),
    Every::Months(1),
    Every::Months(2),
    Every::Months(3),
    Every::Months(6),
    Every::Months(12),
    Every::Months(24),
    Every::Months(60),
    Every::Months(120),
    Every::Months(240),
    Every::Months(600),
    Every::Months(1_200),
];

/// The most dates that an axis can name with labels that pass `fits`: an index of `dates` and the
/// label for each.
pub(crate) fn date_ticks(
    dates: &[NaiveDate],
    fits: impl Fn(&[(usize, String)]) -> bool,
) -> Vec<(usize, String)> {
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else { return Vec::new() };
    // With months or years between values, finer steps name the same values.
    let spacing = (*last - *first).num_days() / i64::try_from(dates.len().max(2) - 1).unwrap_or(1);
    for step in STEPS {
        let days = match step {
            Every::Days(days) => days,
            Every::Months(months) => i64::from(months) * 30,
        };
        if days < spacing.min(365) - 3 {
            continue;
        }
        let ticks = ticks_every(step, dates);
        if ticks.len() <= 40 && fits(&ticks) {
            return ticks;
        }
    }
    vec![(0, first.to_string())]
}

fn ticks_every(step: Every, dates: &[NaiveDate]) -> Vec<(usize, String)> {
    let (first, last) = (dates[0], dates[dates.len() - 1]);
    let mut at = match step {
        Every::Days(_) => first,
        Every::Months(months) => {
            let year = if months >= 12 {
                first.year() - first.year().rem_euclid((months / 12) as i32)
            } else {
                first.year()
            };
            NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(first)
        }
    };
    let mut ticks: Vec<(usize, String)> = Vec::new();
    let mut year = None;
    // As many as could ever fit, and a few more, so that the caller sees that they do not.
    while at <= last && ticks.len() <= 60 {
        if at >= first {
            let index = dates.partition_point(|date| *date < at);
            let label = match step {
                Every::Days(_) if year == Some(at.year()) => format!("{} {}", at.day(), month(at)),
                Every::Days(_) => format!("{} {} {}", at.day(), month(at), at.year()),
                Every::Months(months) if months < 12 => format!("{} {}", month(at), at.year()),
                Every::Months(_) => at.year().to_string(),
            };
            year = Some(at.year());
            if index < dates.len() && ticks.last().is_none_or(|(before, _)| *before < index) {
                ticks.push((index, label));
            }
        }
        let next = match step {
            Every::Days(days) => at.checked_add_signed(chrono::TimeDelta::days(days)),
            Every::Months(months) => at.checked_add_months(Months::new(months)),
        };
        let Some(next) = next else { break };
        at = next;
    }
    ticks
}

/// The month as axes have it.
fn month(date: NaiveDate) -> &'static str {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    MONTHS[date.month0() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        let cases = [
            (0.0, "0"),
            (5.0, "5"),
            (1_234.0, "1,234"),
            (99_999.0, "99,999"),
            (123_456.0, "123.5k"),
            (1_500_000.0, "1.5M"),
            (-2_500.6, "−2,501"),
            (0.05, "0.05"),
            (12.5, "12.5"),
            (3.2e9, "3.2B"),
            (2.5e-7, "2.5e−7"),
            (-4e16, "−4e16"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_scale_covers_its_values_in_round_steps() {
        let scale = Scale::new([130.0, 870.0].into_iter(), false, 5);
        let labels: Vec<String> = scale.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0", "200", "400", "600", "800", "1,000"]);
        let far = Scale::new([1_000_130.0, 1_000_870.0].into_iter(), false, 5);
        assert!(far.low > 999_000.0 && far.ticks().windows(2).all(|pair| pair[0].1 != pair[1].1));
        let constant = Scale::new([7.0, 7.0].into_iter(), false, 5);
        assert!(constant.low < 7.0 && constant.high > 7.0);
    }
}
