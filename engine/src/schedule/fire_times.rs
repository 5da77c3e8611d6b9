//! From a calendar and a zone to instants, over the hours that a zone skips or repeats.
//!
//! A calendar that follows the clock fires whenever the clock on the wall shows one of its times: not in a skipped
//! hour, twice in a repeated one. An appointment in a skipped hour is kept when the clock has jumped, one in a
//! repeated hour the first time.

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::Calendar;

impl Calendar {
    /// The first fire time after an instant, in a zone; none once the calendar has no more dates.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let mut from = after;
        loop {
            let offset = offset(from, zone);
            let fire = self.next_reading(from + offset)? - offset;
            let Some(change) = first_change(from, fire, zone) else {
                if self.follows_clock() || !is_repeated(fire, offset, zone) {
                    return Some(fire);
                }
                from = fire;
                continue;
            };
            // What the clock would have shown from the change on, had it not been changed, up to what it shows then.
            let skipped_to = change + (self::offset(change, zone) - offset);
            if !self.follows_clock() && fire < skipped_to {
                return Some(change);
            }
            // A time that is shown at the change itself is looked for again, under the new offset.
            from = change - TimeDelta::microseconds(1);
            let offset = self::offset(change, zone);
            let fire = self.next_reading(from + offset)? - offset;
            if fire == change && (self.follows_clock() || !is_repeated(fire, offset, zone)) {
                return Some(fire);
            }
            from = change;
        }
    }

    /// Fire times after one instant and up to another, at most `limit`, the earliest first.
    #[must_use]
    pub fn between(&self, after: DateTime<Utc>, until: DateTime<Utc>, zone: Tz, limit: usize) -> Vec<DateTime<Utc>> {
        std::iter::successors(self.next_after(after, zone), |fire| self.next_after(*fire, zone))
            .take_while(|fire| *fire <= until)
            .take(limit)
            .collect()
    }

    /// The next fire times after an instant.
    #[must_use]
    pub fn upcoming(&self, after: DateTime<Utc>, zone: Tz, count: usize) -> Vec<DateTime<Utc>> {
        self.between(after, DateTime::<Utc>::MAX_UTC, zone, count)
    }
}

fn offset(at: DateTime<Utc>, zone: Tz) -> TimeDelta {
    let seconds = zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    TimeDelta::seconds(i64::from(seconds))
}

/// Whether the clock had shown this time before, under another offset.
fn is_repeated(at: DateTime<Utc>, offset: TimeDelta, zone: Tz) -> bool {
    zone.from_local_datetime(&(at + offset).naive_utc()).earliest().is_some_and(|first| first.with_timezone(&Utc) < at)
}

/// The first instant after `from` and up to `to` at which the zone's offset is another.
fn first_change(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let before = offset(from, zone);
    // No zone changes twice within a day.
    let mut sound = from;
    let mut changed = loop {
        let next = (sound + TimeDelta::days(1)).min(to);
        if offset(next, zone) != before {
            break next;
        }
        if next >= to {
            return None;
        }
        sound = next;
    };
    while changed - sound > TimeDelta::seconds(1) {
        let middle = sound + (changed - sound) / 2;
        if offset(middle, zone) == before {
            sound = middle;
        } else {
            changed = middle;
        }
    }
    // Changes happen on whole seconds.
    DateTime::from_timestamp(changed.timestamp(), 0)
}
