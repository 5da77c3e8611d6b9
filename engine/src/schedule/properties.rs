//! Fire times against zones whose clocks jump, and rules that hold for any.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{America, Asia, Australia, Europe, Tz};
use proptest::prelude::*;

use super::{Calendar, CalendarError, ON_TIME, delay, due};
use crate::definition::{CatchUp, CatchUpPolicy};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time as RFC 3339 writes it")
}

fn calendar(text: &str) -> Calendar {
    text.parse().expect("a sound expression")
}

fn times(text: &str, zone: Tz, from: &str, to: &str) -> Vec<String> {
    let found = calendar(text).between(at(from), at(to), zone, 1000);
    found.iter().map(|fire| fire.with_timezone(&zone).format("%d %H:%M %Z").to_string()).collect()
}

#[test]
fn an_appointment_in_the_skipped_hour_is_kept_when_the_clock_has_jumped() {
    let spring = times("30 2 * * *", Europe::Stockholm, "2027-03-27T00:00:00Z", "2027-03-29T12:00:00Z");
    assert_eq!(spring, ["27 02:30 CET", "28 03:00 CEST", "29 02:30 CEST"]);
    // Two appointments in the same gap are one.
    let both = times("10,30 2 * * *", Europe::Stockholm, "2027-03-28T00:00:00Z", "2027-03-28T12:00:00Z");
    assert_eq!(both, ["28 03:00 CEST"]);
    // One in the gap and one at its end, too.
    let end = times("0,30 2,3 28 * *", Europe::Stockholm, "2027-03-28T00:00:00Z", "2027-03-28T12:00:00Z");
    assert_eq!(end, ["28 03:00 CEST", "28 03:30 CEST"]);
}

#[test]
fn an_appointment_in_the_doubled_hour_is_kept_once() {
    let autumn = times("30 2 * * *", Europe::Stockholm, "2027-10-30T00:00:00Z", "2027-11-01T12:00:00Z");
    assert_eq!(autumn, ["30 02:30 CEST", "31 02:30 CEST", "01 02:30 CET"]);
    let begin = times("0 2 * * *", Europe::Stockholm, "2027-10-31T00:00:00Z", "2027-11-01T12:00:00Z");
    assert_eq!(begin, ["01 02:00 CET"]);
}

#[test]
fn what_follows_the_clock_misses_the_skipped_hour_and_has_the_doubled_one_twice() {
    let spring = times("30 * * * *", Europe::Paris, "2027-03-28T00:00:00Z", "2027-03-28T03:00:00Z");
    assert_eq!(spring, ["28 01:30 CET", "28 03:30 CEST", "28 04:30 CEST"]);
    let autumn = times("0,30 * * * *", America::New_York, "2027-11-07T05:15:00Z", "2027-11-07T07:00:00Z");
    assert_eq!(autumn, ["07 01:30 EDT", "07 01:00 EST", "07 01:30 EST", "07 02:00 EST"]);
}

#[test]
fn weekdays_are_those_of_a_crontab() {
    let monday = times("0 6 * * 1", Asia::Tokyo, "2027-01-01T00:00:00Z", "2027-01-12T00:00:00Z");
    assert_eq!(monday, ["04 06:00 JST", "11 06:00 JST"]);
    for sunday in ["0", "7", "sun", "SUN"] {
        let found = times(&format!("0 6 * * {sunday}"), Asia::Tokyo, "2027-01-01T00:00:00Z", "2027-01-08T00:00:00Z");
        assert_eq!(found, ["03 06:00 JST"], "{sunday}");
    }
    let weekend = times("0 6 * * fri-sun", Asia::Tokyo, "2026-12-31T12:00:00Z", "2027-01-07T00:00:00Z");
    assert_eq!(weekend, ["01 06:00 JST", "02 06:00 JST", "03 06:00 JST"]);
}

#[test]
fn what_is_no_calendar_says_why() {
    let fault = |text: &str| text.parse::<Calendar>().expect_err("no calendar");
    assert_eq!(fault("30 2 * *"), CalendarError::Fields(4));
    assert_eq!(fault("0 30 2 * * *"), CalendarError::Fields(6));
    assert!(matches!(fault("61 2 * * *"), CalendarError::Unreadable(_)));
    assert!(matches!(fault("30 2 * * 8"), CalendarError::Unreadable(_)));
    assert!(matches!(fault("30 2 L * *"), CalendarError::Unreadable(_)));
    assert_eq!(fault("30 2 13 * fri"), CalendarError::TwoKindsOfDays);
    assert!(matches!(fault("30 2 30 2 *"), CalendarError::Never(_)));
}

fn policy(policy: CatchUpPolicy, hours: u64, cap: u32) -> CatchUp {
    CatchUp { policy, window: Duration::from_hours(hours), cap }
}

#[test]
fn missed_times_are_caught_up_by_policy_within_window_and_cap() {
    let now = at("2027-05-10T12:00:30Z");
    let come: Vec<_> = (0..=10).rev().map(|hours| at("2027-05-10T12:00:00Z") - TimeDelta::hours(hours)).collect();
    let run = |catch_up: &CatchUp| {
        let due = due(&come, now, catch_up);
        (due.run.len(), due.caught_up, due.given_up)
    };
    assert_eq!(run(&policy(CatchUpPolicy::Skip, 12, 5)), (1, 0, 10));
    assert_eq!(run(&policy(CatchUpPolicy::Once, 12, 5)), (2, 1, 9));
    assert_eq!(run(&policy(CatchUpPolicy::All, 12, 5)), (6, 5, 5));
    assert_eq!(run(&policy(CatchUpPolicy::All, 3, 5)), (3, 2, 8));
    assert_eq!(due(&[], now, &policy(CatchUpPolicy::All, 3, 5)), super::Due::default());
}

fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Europe::Stockholm,
        Europe::London,
        America::New_York,
        America::St_Johns,
        Australia::Lord_Howe,
        Asia::Kathmandu,
        Tz::UTC,
    ])
}

fn expressions() -> impl Strategy<Value = String> {
    prop_oneof![
        (0u32..60, 0u32..24).prop_map(|(minute, hour)| format!("{minute} {hour} * * *")),
        (1u32..60).prop_map(|step| format!("*/{step} * * * *")),
        (0u32..60, 0u32..8).prop_map(|(minute, day)| format!("{minute} 1,2,3 * * {day}")),
        (0u32..60, 1u32..29).prop_map(|(minute, day)| format!("{minute} 0-5 {day} * *")),
    ]
}

/// In 2027, around which some zone changes.
fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    (0i64..365 * 24 * 60).prop_map(|minutes| at("2027-01-01T00:00:00Z") + TimeDelta::minutes(minutes))
}

proptest! {
    #[test]
    fn times_go_forward_wherever_one_begins(text in expressions(), zone in zones(), from in instants()) {
        let calendar = calendar(&text);
        let some = calendar.upcoming(from, zone, 20);
        prop_assert_eq!(some.len(), 20);
        prop_assert!(some[0] > from && some.windows(2).all(|two| two[0] < two[1]));
        // Beginning again just before any of them finds the same.
        for fire in &some {
            prop_assert_eq!(calendar.next_after(*fire - TimeDelta::microseconds(1), zone), Some(*fire));
        }
    }

    #[test]
    fn a_daily_appointment_is_kept_once_on_every_date(
        minute in 0u32..60, hour in 0u32..24, zone in zones()
    ) {
        let calendar = calendar(&format!("{minute} {hour} * * *"));
        let year = calendar.between(at("2026-12-31T12:00:00Z"), at("2028-01-02T12:00:00Z"), zone, 1000);
        let dates: Vec<_> = year.iter().map(|fire| fire.with_timezone(&zone).date_naive()).collect();
        prop_assert!(dates.windows(2).all(|two| two[1] == two[0] + TimeDelta::days(1)));
    }

    #[test]
    fn nothing_is_run_twice_or_lost_from_the_count(hours in 0u64..100, cap in 0u32..50, seen in 0i64..50) {
        let now = at("2027-05-10T12:00:00Z");
        let come: Vec<_> = (0..seen).rev().map(|n| now - TimeDelta::hours(n)).collect();
        for kind in [CatchUpPolicy::Skip, CatchUpPolicy::Once, CatchUpPolicy::All] {
            let due = due(&come, now, &policy(kind, hours, cap));
            prop_assert_eq!(due.run.len() + due.given_up, come.len());
            prop_assert!(come.ends_with(&due.run));
            let late = due.run.iter().filter(|fire| now - **fire > ON_TIME).count();
            prop_assert_eq!(late, due.caught_up);
        }
    }

    #[test]
    fn delays_stay_below_their_bound_and_are_the_same_again(tenant in "[a-z]{1,9}", from in instants(), minutes in 0u64..90) {
        let most = Duration::from_mins(minutes);
        let drawn = delay("nightly", from, &tenant, most);
        prop_assert!(drawn < most || most.is_zero() && drawn.is_zero());
        prop_assert_eq!(drawn, delay("nightly", from, &tenant, most));
    }

    #[test]
    fn no_text_panics(text in "[ 0-9*/,a-zA-Z-]{0,40}", zone in zones(), from in instants()) {
        if let Ok(calendar) = text.parse::<Calendar>() {
            let _ = calendar.next_after(from, zone);
        }
    }
}
