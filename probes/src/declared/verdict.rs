//! What an attempt finds, and what its findings come to together.

use super::exchange::Reason;
use crate::result::{Measure, StepTrace};
use crate::status::ProbeStatus;

/// Something that is not as it should be.
pub(super) struct Finding {
    pub(super) status: ProbeStatus,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Finding {
    pub(super) fn new(status: ProbeStatus, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: hint.into() }
    }

    pub(super) fn broken(reason: Reason) -> Self {
        Self::new(ProbeStatus::Error, reason.message, reason.hint)
    }

    pub(super) fn failed(reason: Reason) -> Self {
        Self::new(ProbeStatus::Fail, reason.message, reason.hint)
    }
}

/// What one attempt came to.
#[derive(Default)]
pub(super) struct Verdict {
    /// The first of the worst findings, if there was any.
    pub(super) finding: Option<Finding>,
    /// What to say if there was none.
    pub(super) said: Option<String>,
    pub(super) steps: Vec<StepTrace>,
    pub(super) measures: Vec<Measure>,
}

impl Verdict {
    pub(super) fn broken(reason: Reason) -> Self {
        Self { finding: Some(Finding::broken(reason)), ..Self::default() }
    }

    pub(super) fn status(&self) -> ProbeStatus {
        status_of(self.finding.as_ref())
    }

    /// Counts one finding in.
    pub(super) fn find(&mut self, finding: Option<Finding>) {
        self.finding = worse(self.finding.take(), finding);
    }
}

pub(super) fn status_of(finding: Option<&Finding>) -> ProbeStatus {
    finding.map_or(ProbeStatus::Pass, |finding| finding.status)
}

/// The worse of two findings, the earlier one where they are equally bad.
pub(super) fn worse(earlier: Option<Finding>, later: Option<Finding>) -> Option<Finding> {
    if status_of(later.as_ref()) > status_of(earlier.as_ref()) { later } else { earlier }
}
