//! Waivers of warnings at gates.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks to overlook a warning at a gate.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverBody {
    /// Names of the probes; every probe that warns in the latest health check where absent or empty.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub probes: Vec<String>,
    /// Why the warning may be overlooked.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
    /// When the waiver ends: in the future, and within 30 days.
    pub expires_at: DateTime<Utc>,
}

/// Takes a waiver back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalBody {
    /// Why.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// A waiver, as it was and is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WaiverView {
    /// Its id.
    pub id: String,
    /// The gate.
    pub step_id: String,
    /// Whether it belongs to the tenant's present onboarding; one of an earlier onboarding has no effect.
    pub current: bool,
    /// `proposed`, `granted`, `expired` or `withdrawn`; only a granted one has an effect.
    pub state: String,
    /// The probes whose warnings it covers.
    pub probes: Vec<String>,
    /// Why.
    pub reason: String,
    /// The health check that warned.
    pub check_id: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// When it ends, or ended if nobody withdrew it.
    pub expires_at: DateTime<Utc>,
    /// Who granted it.
    pub granted_by: Option<String>,
    /// When.
    pub granted_at: Option<DateTime<Utc>>,
    /// Who withdrew it.
    pub withdrawn_by: Option<String>,
    /// When.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Why.
    pub withdrawal_reason: Option<String>,
}

/// A gate's waivers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WaiversView {
    /// Every waiver that was ever proposed, oldest first.
    pub items: Vec<WaiverView>,
}
