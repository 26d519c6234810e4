//! Public holidays, and what they do to a series.

use std::{collections::BTreeMap, error::Error, fmt, str::FromStr};

use chrono::{Datelike, Days, NaiveDate, Weekday};

use crate::{Grain, clean};

/// A country whose nationwide public holidays are known.
///
/// Those that the law names as of 2026, on the days that they fall on by rule. Regional holidays,
/// days that are moved off a weekend, and those that follow the moon by observation are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Country {
    /// Austria.
    At,
    /// Australia.
    Au,
    /// Belgium.
    Be,
    /// Brazil.
    Br,
    /// Canada.
    Ca,
    /// Switzerland: what all cantons share.
    Ch,
    /// Germany.
    De,
    /// Spain.
    Es,
    /// France.
    Fr,
    /// The United Kingdom: England and Wales.
    Gb,
    /// Ireland.
    Ie,
    /// Italy.
    It,
    /// Mexico.
    Mx,
    /// The Netherlands.
    Nl,
    /// Poland.
    Pl,
    /// Portugal.
    Pt,
    /// Sweden.
    Se,
    /// The United States, with the Friday after Thanksgiving.
    Us,
}

/// On which day of a year a holiday falls.
#[derive(Clone, Copy)]
enum Rule {
    /// A month and a day.
    On(u32, u32),
    /// Days after Easter Sunday.
    Easter(i64),
    /// The n-th such weekday of a month.
    Nth(u32, u8, Weekday),
    /// The last such weekday of a month.
    Last(u32, Weekday),
    /// The first such weekday on or after a month and day.
    From(u32, u32, Weekday),
    /// The day after the n-th such weekday of a month.
    DayAfterNth(u32, u8, Weekday),
}

use Rule::{DayAfterNth, Easter, From, Last, Nth, On};
use Weekday::{Fri, Mon, Sat, Thu};

const NEW_YEAR: Rule = On(1, 1);
const EPIPHANY: Rule = On(1, 6);
const GOOD_FRIDAY: Rule = Easter(-2);
const EASTER_MONDAY: Rule = Easter(1);
const LABOUR: Rule = On(5, 1);
const ASCENSION: Rule = Easter(39);
const WHIT_MONDAY: Rule = Easter(50);
const CORPUS_CHRISTI: Rule = Easter(60);
const ASSUMPTION: Rule = On(8, 15);
const ALL_SAINTS: Rule = On(11, 1);
const IMMACULATE: Rule = On(12, 8);
const CHRISTMAS: Rule = On(12, 25);
const SECOND_CHRISTMAS: Rule = On(12, 26);

impl Country {
    const ALL: [(Self, &'static str); 18] = [
        (Self::At, "AT"),
        (Self::Au, "AU"),
        (Self::Be, "BE"),
        (Self::Br, "BR"),
        (Self::Ca, "CA"),
        (Self::Ch, "CH"),
        (Self::De, "DE"),
        (Self::Es, "ES"),
        (Self::Fr, "FR"),
        (Self::Gb, "GB"),
        (Self::Ie, "IE"),
        (Self::It, "IT"),
        (Self::Mx, "MX"),
        (Self::Nl, "NL"),
        (Self::Pl, "PL"),
        (Self::Pt, "PT"),
        (Self::Se, "SE"),
        (Self::Us, "US"),
    ];

    /// The codes of all countries, in order.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, code)| *code)
    }

    fn rules(self) -> &'static [Rule] {
        match self {
            Self::At => &[
                NEW_YEAR,
                EPIPHANY,
                EASTER_MONDAY,
                LABOUR,
                ASCENSION,
                WHIT_MONDAY,
                CORPUS_CHRISTI,
                ASSUMPTION,
                On(10, 26),
                ALL_SAINTS,
                IMMACULATE,
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Au => &[
                NEW_YEAR,
                On(1, 26),
                GOOD_FRIDAY,
                EASTER_MONDAY,
                On(4, 25),
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Be => &[
                NEW_YEAR,
                EASTER_MONDAY,
                LABOUR,
                ASCENSION,
                WHIT_MONDAY,
                On(7, 21),
                ASSUMPTION,
                ALL_SAINTS,
                On(11, 11),
                CHRISTMAS,
            ],
            Self::Br => &[
                NEW_YEAR,
                GOOD_FRIDAY,
                On(4, 21),
                LABOUR,
                On(9, 7),
                On(10, 12),
                On(11, 2),
                On(11, 15),
                On(11, 20),
                CHRISTMAS,
            ],
            Self::Ca => {
                &[NEW_YEAR, GOOD_FRIDAY, On(7, 1), Nth(9, 1, Mon), Nth(10, 2, Mon), CHRISTMAS]
            }
            Self::Ch => &[NEW_YEAR, ASCENSION, On(8, 1), CHRISTMAS],
            Self::De => &[
                NEW_YEAR,
                GOOD_FRIDAY,
                EASTER_MONDAY,
                LABOUR,
                ASCENSION,
                WHIT_MONDAY,
                On(10, 3),
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Es => &[
                NEW_YEAR,
                EPIPHANY,
                GOOD_FRIDAY,
                LABOUR,
                ASSUMPTION,
                On(10, 12),
                ALL_SAINTS,
                On(12, 6),
                IMMACULATE,
                CHRISTMAS,
            ],
            Self::Fr => &[
                NEW_YEAR,
                EASTER_MONDAY,
                LABOUR,
                On(5, 8),
                ASCENSION,
                WHIT_MONDAY,
                On(7, 14),
                ASSUMPTION,
                ALL_SAINTS,
                On(11, 11),
                CHRISTMAS,
            ],
            Self::Gb => &[
                NEW_YEAR,
                GOOD_FRIDAY,
                EASTER_MONDAY,
                Nth(5, 1, Mon),
                Last(5, Mon),
                Last(8, Mon),
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Ie => &[
                NEW_YEAR,
                Nth(2, 1, Mon),
                On(3, 17),
                EASTER_MONDAY,
                Nth(5, 1, Mon),
                Nth(6, 1, Mon),
                Nth(8, 1, Mon),
                Last(10, Mon),
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::It => &[
                NEW_YEAR,
                EPIPHANY,
                EASTER_MONDAY,
                On(4, 25),
                LABOUR,
                On(6, 2),
                ASSUMPTION,
                ALL_SAINTS,
                IMMACULATE,
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Mx => &[
                NEW_YEAR,
                Nth(2, 1, Mon),
                Nth(3, 3, Mon),
                LABOUR,
                On(9, 16),
                Nth(11, 3, Mon),
                CHRISTMAS,
            ],
            Self::Nl => &[
                NEW_YEAR,
                EASTER_MONDAY,
                On(4, 27),
                ASCENSION,
                WHIT_MONDAY,
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Pl => &[
                NEW_YEAR,
                EPIPHANY,
                EASTER_MONDAY,
                LABOUR,
                On(5, 3),
                CORPUS_CHRISTI,
                ASSUMPTION,
                ALL_SAINTS,
                On(11, 11),
                On(12, 24),
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Pt => &[
                NEW_YEAR,
                GOOD_FRIDAY,
                On(4, 25),
                LABOUR,
                CORPUS_CHRISTI,
                On(6, 10),
                ASSUMPTION,
                On(10, 5),
                ALL_SAINTS,
                On(12, 1),
                IMMACULATE,
                CHRISTMAS,
            ],
            Self::Se => &[
                NEW_YEAR,
                EPIPHANY,
                GOOD_FRIDAY,
                EASTER_MONDAY,
                LABOUR,
                ASCENSION,
                On(6, 6),
                From(6, 19, Fri),
                From(10, 31, Sat),
                On(12, 24),
                CHRISTMAS,
                SECOND_CHRISTMAS,
            ],
            Self::Us => &[
                NEW_YEAR,
                Nth(1, 3, Mon),
                Nth(2, 3, Mon),
                Last(5, Mon),
                On(6, 19),
                On(7, 4),
                Nth(9, 1, Mon),
                Nth(10, 2, Mon),
                On(11, 11),
                Nth(11, 4, Thu),
                DayAfterNth(11, 4, Thu),
                CHRISTMAS,
            ],
        }
    }

    /// Which of the country's holidays a day is, as an index of its rules.
    fn holiday(self, date: NaiveDate) -> Option<usize> {
        self.rules().iter().position(|rule| rule.day(date.year()) == Some(date))
    }
}

impl Rule {
    fn day(self, year: i32) -> Option<NaiveDate> {
        let after =
            |date: NaiveDate, days: i64| date.checked_add_signed(chrono::TimeDelta::days(days));
        match self {
            On(month, day) => NaiveDate::from_ymd_opt(year, month, day),
            Easter(days) => after(easter(year)?, days),
            Nth(month, n, weekday) => NaiveDate::from_weekday_of_month_opt(year, month, weekday, n),
            DayAfterNth(month, n, weekday) => {
                after(NaiveDate::from_weekday_of_month_opt(year, month, weekday, n)?, 1)
            }
            Last(month, weekday) => NaiveDate::from_weekday_of_month_opt(year, month, weekday, 5)
                .or_else(|| NaiveDate::from_weekday_of_month_opt(year, month, weekday, 4)),
            From(month, day, weekday) => {
                let first = NaiveDate::from_ymd_opt(year, month, day)?;
                after(first, i64::from(weekday.days_since(first.weekday())))
            }
        }
    }
}

/// Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher 1876).
fn easter(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let correction = (century + 8).div_euclid(25);
    let moon = (century - correction + 1).div_euclid(3);
    let epact = (19 * golden + century - century.div_euclid(4) - moon + 15).rem_euclid(30);
    let weekday = (32 + 2 * century.rem_euclid(4) + 2 * of_century.div_euclid(4)
        - epact
        - of_century.rem_euclid(4))
    .rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday).div_euclid(451);
    let day = epact + weekday - 7 * late + 114;
    NaiveDate::from_ymd_opt(year, u32::try_from(day / 31).ok()?, u32::try_from(day % 31 + 1).ok()?)
}

/// What each holiday of a country adds to a value.
#[derive(Default)]
pub(crate) struct Effects {
    country: Option<(Country, Grain)>,
    by_holiday: BTreeMap<usize, f64>,
}

impl Effects {
    /// The mean of what values on a holiday have over what was to be expected without it, drawn
    /// towards zero as if there had been one more that was as expected.
    pub(crate) fn learn(
        country: Country,
        grain: Grain,
        values: &[f64],
        season: &[usize],
        date: &dyn Fn(usize) -> NaiveDate,
    ) -> Self {
        let expected = clean::expected(values, season);
        let mut sums = BTreeMap::<usize, (f64, f64)>::new();
        for (index, (value, expected)) in values.iter().zip(expected).enumerate() {
            if let Some(holiday) = holiday_in(country, grain, date(index)) {
                let (sum, count) = sums.entry(holiday).or_default();
                *sum += value - expected;
                *count += 1.0;
            }
        }
        let by_holiday = sums
            .into_iter()
            .map(|(holiday, (sum, count))| (holiday, sum / (count + 1.0)))
            .collect();
        Self { country: Some((country, grain)), by_holiday }
    }

    /// What is added to the value of a date.
    pub(crate) fn of(&self, date: NaiveDate) -> f64 {
        let Some((country, grain)) = self.country else { return 0.0 };
        holiday_in(country, grain, date)
            .and_then(|holiday| self.by_holiday.get(&holiday))
            .copied()
            .unwrap_or_default()
    }
}

/// The first holiday in the day or week that begins on a date.
fn holiday_in(country: Country, grain: Grain, date: NaiveDate) -> Option<usize> {
    let days = if grain == Grain::Week { 7 } else { 1 };
    (0..days).find_map(|day| country.holiday(date.checked_add_days(Days::new(day))?))
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code =
            Self::ALL.iter().find(|(country, _)| country == self).map_or("", |(_, code)| code);
        f.write_str(code)
    }
}

impl FromStr for Country {
    type Err = ParseCountryError;

    /// A two-letter code of ISO 3166-1, in either case.
    fn from_str(code: &str) -> Result<Self, ParseCountryError> {
        let known = Self::ALL.iter().find(|(_, known)| known.eq_ignore_ascii_case(code));
        known.map(|(country, _)| *country).ok_or(ParseCountryError)
    }
}

/// A text is not the code of a country whose holidays are known. The message lists those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCountryError;

impl fmt::Display for ParseCountryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the holidays of that country are not known; known are those of ")?;
        for (index, code) in Country::codes().enumerate() {
            write!(f, "{}{code}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl Error for ParseCountryError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    // As the United States Naval Observatory lists them.
    #[test]
    fn easter_is_where_the_almanac_has_it() {
        for date in
            ["1961-04-02", "2000-04-23", "2008-03-23", "2024-03-31", "2025-04-20", "2038-04-25"]
        {
            assert_eq!(easter(day(date).year()), Some(day(date)));
        }
    }

    #[test]
    fn movable_holidays_move() {
        let is = |country: Country, date| country.holiday(day(date)).is_some();
        assert!(is(Country::Us, "2025-11-27") && is(Country::Us, "2025-11-28"));
        assert!(is(Country::Us, "2024-05-27") && !is(Country::Us, "2024-05-20"));
        assert!(is(Country::Gb, "2026-08-31"));
        assert!(is(Country::De, "2024-05-20") && !is(Country::Us, "2024-05-21"));
        assert!(is(Country::Se, "2024-06-21"));
    }

    #[test]
    fn every_country_has_christmas_and_a_code_that_is_read() {
        for (country, code) in Country::ALL {
            assert!(country.holiday(day("2025-12-25")).is_some(), "{code}");
            assert_eq!(code.to_lowercase().parse(), Ok(country));
        }
        assert!("XX".parse::<Country>().expect_err("unknown").to_string().ends_with("SE, US"));
    }
}
