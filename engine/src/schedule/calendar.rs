//! Cron expressions as operators know them: minute, hour, day of month, month, day of week.

use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use cron::Schedule;

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A cron expression that names at least one time.
///
/// Sunday is 0 or 7 and names of days and months may be used, as in a crontab. Day of month and day of week are
/// never both restricted: cron programs disagree on whether either or both must hold.
#[derive(Debug, Clone)]
pub struct Calendar {
    times: Schedule,
    follows_clock: bool,
}

/// Why a text is no calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Not five fields.
    #[error("a cron expression has five fields, this one has {0}")]
    Fields(usize),
    /// A field cannot be read.
    #[error("`{0}` cannot be read as minute, hour, day of month, month and day of week")]
    Unreadable(String),
    /// Both kinds of days are restricted.
    #[error("day of month and day of week are both restricted, which cron programs read differently")]
    TwoKindsOfDays,
    /// There is no such date.
    #[error("`{0}` names a date that does not exist")]
    Never(String),
}

impl Calendar {
    /// Whether it repeats within the day whatever the hour, as `*/15 * * * *` does: then it follows the clock on the
    /// wall. Otherwise its times are appointments, each kept once a day.
    #[must_use]
    pub fn follows_clock(&self) -> bool {
        self.follows_clock
    }

    /// The first reading of the wall clock after `reading` that the expression names. Both are local times, held
    /// in UTC so that no zone's rules meddle with them.
    pub(super) fn next_reading(&self, reading: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.times.after(&reading).next()
    }
}

impl FromStr for Calendar {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else { return Err(CalendarError::Fields(fields.len())) };
        // The reader of expressions knows more signs than a crontab has; here they would only surprise.
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/');
        let unreadable = || CalendarError::Unreadable(text.to_owned());
        if !fields.iter().all(|field| field.chars().all(known)) {
            return Err(unreadable());
        }
        if day != "*" && weekday != "*" {
            return Err(CalendarError::TwoKindsOfDays);
        }
        let weekdays = weekdays(weekday).ok_or_else(unreadable)?;
        let times =
            Schedule::from_str(&format!("0 {minute} {hour} {day} {month} {weekdays}")).map_err(|_| unreadable())?;
        let calendar = Self { times, follows_clock: hour.starts_with('*') };
        let from = Utc.with_ymd_and_hms(2000, 1, 1, 0, 0, 0).earliest().unwrap_or_default();
        match calendar.next_reading(from) {
            Some(_) => Ok(calendar),
            None => Err(CalendarError::Never(text.to_owned())),
        }
    }
}

/// Days of the week by name, since numbers mean another day to the reader of expressions than in a crontab.
fn weekdays(field: &str) -> Option<String> {
    if field == "*" {
        return Some(field.to_owned());
    }
    let mut days = [false; 7];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (weekday(from)?, weekday(to)?),
            None if range == "*" => (0, 6),
            None if part.contains('/') => (weekday(range)?, 6),
            None => (weekday(range)?, weekday(range)?),
        };
        // Sunday ends a week as well as it begins one.
        let to = if to < from && to == 0 { 7 } else { to };
        if to < from {
            return None;
        }
        for day in (from..=to).step_by(step) {
            days[day % 7] = true;
        }
    }
    let named: Vec<&str> = DAYS.iter().zip(days).filter(|(_, wanted)| *wanted).map(|(name, _)| *name).collect();
    Some(named.join(","))
}

fn weekday(text: &str) -> Option<usize> {
    match text.parse::<usize>() {
        Ok(number) => Some(number).filter(|number| *number <= 7),
        Err(_) => DAYS.iter().position(|name| name.eq_ignore_ascii_case(text)),
    }
}
