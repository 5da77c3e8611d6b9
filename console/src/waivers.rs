//! Waivers on the page of a checklist: what is overlooked at which gate, and who agreed.

use chrono::{DateTime, Utc};

/// A waiver, in force or not.
#[derive(Debug, Clone, Default)]
pub struct WaiverLine {
    /// Id.
    pub id: String,
    /// Id of the gate.
    pub step: String,
    /// `proposed`, `granted`, `expired` or `withdrawn`.
    pub state: String,
    /// Names of the probes whose warnings are overlooked.
    pub probes: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// Whether it was proposed by whom the page is shown to.
    pub own: bool,
    /// Who granted it.
    pub granted_by: Option<String>,
    /// Who took it back, and why.
    pub withdrawn: Option<(String, String)>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl WaiverLine {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "proposed" | "granted")
    }

    /// Whether this person may agree to it: somebody else has proposed it.
    pub(crate) fn waits_for_them(&self) -> bool {
        self.state == "proposed" && !self.own
    }
}
