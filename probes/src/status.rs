//! What a probe can come to, and what several of them come to together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What one probe came to. Ordered by severity: `Pass < Warn < Fail < Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeStatus {
    /// What was tried works.
    Pass,
    /// It works, but something should be looked at.
    Warn,
    /// It does not work.
    Fail,
    /// The probe could not run, so nothing is known of the platform: it is the probe that needs mending.
    Error,
}

impl ProbeStatus {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for ProbeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not the word for any [`ProbeStatus`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a probe status; expected pass, warn, fail or error")]
pub struct UnknownStatus(pub String);

impl FromStr for ProbeStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Pass, Self::Warn, Self::Fail, Self::Error]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// What a set of probes comes to: the gate before go-live opens on this. Ordered by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Every probe passed.
    Pass,
    /// No probe failed and at least one warned.
    Warn,
    /// At least one probe failed or could not run, or there was none.
    Fail,
}

impl Aggregate {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<ProbeStatus> for Aggregate {
    /// A probe that could not run counts as failed: what has not been proven must not open a gate.
    fn from(status: ProbeStatus) -> Self {
        match status {
            ProbeStatus::Pass => Self::Pass,
            ProbeStatus::Warn => Self::Warn,
            ProbeStatus::Fail | ProbeStatus::Error => Self::Fail,
        }
    }
}

/// The worst of `statuses`, where [`ProbeStatus::Error`] counts as failed and no status at all does too, because
/// then nothing has been proven.
#[must_use]
pub fn aggregate(statuses: impl IntoIterator<Item = ProbeStatus>) -> Aggregate {
    statuses.into_iter().map(Aggregate::from).max().unwrap_or(Aggregate::Fail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status() -> impl Strategy<Value = ProbeStatus> {
        prop::sample::select(vec![ProbeStatus::Pass, ProbeStatus::Warn, ProbeStatus::Fail, ProbeStatus::Error])
    }

    proptest! {
        #[test]
        fn the_order_of_probes_does_not_matter(
            (statuses, shuffled) in prop::collection::vec(status(), 0..8)
                .prop_flat_map(|statuses| (Just(statuses.clone()), Just(statuses).prop_shuffle())),
        ) {
            prop_assert_eq!(aggregate(statuses), aggregate(shuffled));
        }

        #[test]
        fn one_more_probe_never_makes_it_better(statuses in prop::collection::vec(status(), 1..8), more in status()) {
            let before = aggregate(statuses.clone());
            prop_assert!(aggregate(statuses.into_iter().chain([more])) >= before);
        }

        #[test]
        fn pass_takes_every_probe(statuses in prop::collection::vec(status(), 0..8)) {
            let proven = !statuses.is_empty() && statuses.iter().all(|status| *status == ProbeStatus::Pass);
            prop_assert_eq!(aggregate(statuses) == Aggregate::Pass, proven);
        }

        #[test]
        fn a_failed_or_broken_probe_is_enough_to_fail(statuses in prop::collection::vec(status(), 1..8)) {
            let bad = statuses.iter().any(|status| *status >= ProbeStatus::Fail);
            prop_assert_eq!(aggregate(statuses) == Aggregate::Fail, bad);
        }

        #[test]
        fn a_status_survives_its_words(status in status()) {
            prop_assert_eq!(status.to_string().parse::<ProbeStatus>(), Ok(status));
            let json = serde_json::to_string(&status).expect("a unit variant has a JSON form");
            prop_assert_eq!(json, format!("\"{status}\""));
        }
    }

    #[test]
    fn no_probe_proves_nothing() {
        assert_eq!(aggregate([]), Aggregate::Fail);
    }

    #[test]
    fn an_unknown_word_is_refused() {
        let error = "passed".parse::<ProbeStatus>().expect_err("not one of the words");
        assert_eq!(error.to_string(), "`passed` is not a probe status; expected pass, warn, fail or error");
    }
}
