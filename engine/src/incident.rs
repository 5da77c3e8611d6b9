//! When a tenant's health becomes an incident, and when that is over.
//!
//! A tenant has at most one open incident, so a night of failures is one message, and the way back is another.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Probes that news tell of at most.
pub const TOLD_PROBES: usize = 10;
/// Longest message or hint in news, in characters: a receiver takes about 20 kB, and the check itself has all of it.
const TOLD_TEXT: usize = 300;

/// What is told of an incident when it opens or closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The incident, by which a message and the one of its end belong together.
    pub incident: String,
    /// Whose health.
    pub tenant: TenantName,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// When it closed, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
    /// The health check that brought it.
    pub check: String,
    /// When that one began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<DateTime<Utc>>,
    /// What it came to: `pass`, `warn` or `fail`.
    pub status: String,
    /// The first probes that did not pass, at most [`TOLD_PROBES`].
    pub probes: Vec<ProbeNews>,
    /// Ids of the gates that it closed.
    pub closed_gates: Vec<String>,
    /// Why the check came to no result, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A tenant, for people and for filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantName {
    /// The slug.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// A probe that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeNews {
    /// Its name.
    pub probe: String,
    /// `warn`, `fail` or `error`.
    pub status: String,
    /// What came, shortened.
    pub message: String,
    /// What to do, shortened; may be empty.
    pub hint: String,
}

/// A text as far as it is told.
#[must_use]
pub fn told(text: &str) -> String {
    match text.char_indices().nth(TOLD_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a finished health check came to, and what it may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding<'a> {
    /// `pass`, `warn` or `fail`.
    pub aggregate: &'a str,
    /// Whether its evidence is the tenant's newest: older evidence that comes late says nothing about now.
    pub newest: bool,
    /// Whether failures are expected, as in a maintenance window.
    pub expected: bool,
}

/// What becomes of a tenant's incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// One opens.
    Opens,
    /// The open one is over.
    Closes,
}

/// Decides what a finding changes. `open` says whether the tenant has an open incident.
#[must_use]
pub fn follow(open: bool, finding: Finding) -> Option<Turn> {
    if !finding.newest {
        return None;
    }
    match (open, finding.aggregate) {
        (false, "fail") if !finding.expected => Some(Turn::Opens),
        (true, "pass" | "warn") => Some(Turn::Closes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn findings() -> impl Strategy<Value = Vec<Finding<'static>>> {
        let finding = (prop::sample::select(vec!["pass", "warn", "fail"]), any::<bool>(), any::<bool>())
            .prop_map(|(aggregate, newest, expected)| Finding { aggregate, newest, expected });
        prop::collection::vec(finding, 0..60)
    }

    /// What a sequence of findings says, and whether an incident is open after it.
    fn play(findings: &[Finding]) -> (Vec<Turn>, bool) {
        let (mut turns, mut open) = (Vec::new(), false);
        for finding in findings {
            if let Some(turn) = follow(open, *finding) {
                open = turn == Turn::Opens;
                turns.push(turn);
            }
        }
        (turns, open)
    }

    fn unexpected(aggregate: &str) -> Finding<'_> {
        Finding { aggregate, newest: true, expected: false }
    }

    #[test]
    fn a_failure_that_a_window_hid_is_told_by_the_first_check_after_it() {
        let hidden = Finding { expected: true, ..unexpected("fail") };
        assert_eq!(play(&[hidden, hidden]), (vec![], false));
        assert_eq!(play(&[hidden, hidden, unexpected("fail")]), (vec![Turn::Opens], true));
    }

    #[test]
    fn an_incident_from_before_a_window_may_end_in_it() {
        let well = Finding { expected: true, ..unexpected("pass") };
        assert_eq!(play(&[unexpected("fail"), well]), (vec![Turn::Opens, Turn::Closes], false));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(told(&"å".repeat(301)), format!("{}…", "å".repeat(300)));
        assert_eq!(told("kort"), "kort");
    }

    proptest! {
        #[test]
        fn openings_and_closings_take_turns(findings in findings()) {
            let (turns, _) = play(&findings);
            for (position, turn) in turns.iter().enumerate() {
                let expected = if position % 2 == 0 { Turn::Opens } else { Turn::Closes };
                prop_assert_eq!(*turn, expected);
            }
        }

        #[test]
        fn the_same_again_changes_nothing(findings in findings(), last in prop::sample::select(vec!["pass", "warn", "fail"])) {
            let mut findings = findings;
            findings.push(unexpected(last));
            let once = play(&findings);
            findings.push(unexpected(last));
            prop_assert_eq!(play(&findings), once);
        }

        #[test]
        fn what_comes_late_changes_nothing(findings in findings()) {
            let newest: Vec<_> = findings.iter().copied().filter(|finding| finding.newest).collect();
            prop_assert_eq!(play(&findings), play(&newest));
        }

        #[test]
        fn outside_windows_an_incident_is_open_exactly_while_health_fails(findings in findings()) {
            let mut open = false;
            for finding in findings.iter().filter(|finding| finding.newest && !finding.expected) {
                if let Some(turn) = follow(open, *finding) {
                    open = turn == Turn::Opens;
                }
                prop_assert_eq!(open, finding.aggregate == "fail");
            }
        }
    }
}
