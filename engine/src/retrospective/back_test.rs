//! How good forecasts are: the last quarters are hidden, forecast, and compared with what came.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Serialize;

use super::forecast::{Experience, FEWEST, Route, seed_of};
use super::order_statistics::{quantile, ratio};
use super::times::{History, Milestone, days};

/// What became of past forecasts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackTest {
    /// Forecasts whose end is known.
    pub forecasts: usize,
    /// Share that was live by its 50 % date.
    pub live_by_p50: Option<f64>,
    /// Share that was live by its 85 % date.
    pub live_by_p85: Option<f64>,
    /// Share that was live by opening plus the mean: what an average would have promised.
    pub live_by_mean: Option<f64>,
    /// Median days between the 50 % date and go-live.
    pub error_days: Option<f64>,
    /// The same for opening plus the mean.
    pub mean_error_days: Option<f64>,
}

/// Hides the last `quarters` quarters before `now`, one after the other: at the beginning of each, what was in flight is
/// forecast from what was live by then. Onboardings that are not live now, and whose 85 % date has not come, tell nothing
/// yet and are left out.
#[must_use]
pub fn back_test(histories: &[History], route: &Route, now: DateTime<Utc>, quarters: u32) -> BackTest {
    let (mut by_p50, mut by_p85, mut by_mean, mut n) = (0, 0, 0, 0);
    let (mut errors, mut mean_errors) = (Vec::new(), Vec::new());
    for begin in beginnings(now, quarters) {
        let mut experience = Experience::new(route.clone());
        let seen: Vec<(&History, History)> = histories
            .iter()
            .filter(|history| history.opened_at <= begin)
            .map(|history| (history, history.seen_at(begin)))
            .collect();
        for (_, then) in &seen {
            experience.learn(then);
        }
        experience.settle();
        let Some(mean) = experience.mean_days().filter(|_| experience.len() >= FEWEST) else { continue };
        for (history, then) in &seen {
            let Some(forecast) = experience.forecast(then, begin, seed_of(&history.checklist_id)) else { continue };
            let live_at = history.reached(Milestone::Live);
            // A date that has not come yet cannot have been missed, so it is not counted as kept either.
            if forecast.p85 > now || live_at.is_none() && history.cancelled_at.is_some() {
                continue;
            }
            n += 1;
            let by = |date: DateTime<Utc>| usize::from(live_at.is_some_and(|live_at| live_at <= date));
            let promised = promise(history.opened_at, mean);
            by_p50 += by(forecast.p50);
            by_p85 += by(forecast.p85);
            by_mean += by(promised);
            if let Some(live_at) = live_at {
                errors.push(days(live_at.min(forecast.p50), live_at.max(forecast.p50)));
                mean_errors.push(days(live_at.min(promised), live_at.max(promised)));
            }
        }
    }
    let share = |count: usize| (n > 0).then(|| ratio(count, n));
    BackTest {
        forecasts: n,
        live_by_p50: share(by_p50),
        live_by_p85: share(by_p85),
        live_by_mean: share(by_mean),
        error_days: middle(errors),
        mean_error_days: middle(mean_errors),
    }
}

fn middle(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    quantile(&all, 0.5)
}

#[allow(clippy::cast_possible_truncation, reason = "seconds of an onboarding fit into 64 bits")]
fn promise(opened_at: DateTime<Utc>, mean: f64) -> DateTime<Utc> {
    let later = TimeDelta::seconds((mean * 86_400.0).round() as i64);
    opened_at.checked_add_signed(later).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The beginnings of the last quarters, the running one included, latest first.
fn beginnings(now: DateTime<Utc>, quarters: u32) -> impl Iterator<Item = DateTime<Utc>> {
    let first = NaiveDate::from_ymd_opt(now.year(), now.month0() / 3 * 3 + 1, 1);
    (0..quarters).filter_map(move |back| {
        let begin = first?.checked_sub_months(chrono::Months::new(3 * back))?;
        Some(begin.and_time(NaiveTime::MIN).and_utc())
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, finished};
    use super::*;

    fn route() -> Route {
        Route {
            steps: vec![("import_data".to_owned(), Vec::new()), ("go_live".to_owned(), vec!["import_data".to_owned()])],
            live_step: "go_live".to_owned(),
        }
    }

    #[test]
    fn forecasts_of_a_steady_world_hold() {
        // One opened every day, each taking 20 to 29 days and 3 to 5 more.
        let all: Vec<History> = (0..600)
            .map(|day| {
                finished(&format!("t{day}"), day, &[("import_data", 20 + day * 7 % 10), ("go_live", 3 + day % 3)])
            })
            .collect();
        let found = back_test(&all, &route(), at(500), 3);
        assert!(found.forecasts > 60, "{found:?}");
        let (p50, p85) = (found.live_by_p50.expect("some"), found.live_by_p85.expect("some"));
        assert!((0.35..=0.70).contains(&p50) && (0.78..=0.95).contains(&p85), "{found:?}");
        assert!(found.error_days < found.mean_error_days, "{found:?}");
    }

    #[test]
    fn nothing_known_is_no_number() {
        let found = back_test(&[], &route(), at(500), 3);
        assert_eq!((found.forecasts, found.live_by_p85, found.error_days), (0, None, None));
    }

    #[test]
    fn quarters_begin_where_they_begin() {
        let dates: Vec<_> = beginnings(at(45), 2).map(|begin| begin.date_naive().to_string()).collect();
        assert_eq!(dates, ["2026-01-01", "2025-10-01"]);
    }
}
