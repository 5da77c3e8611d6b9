//! The event log.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// From 1, without a gap.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// For whom, if for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<String>,
    /// What, for example `step_completed`.
    pub kind: String,
    /// Which tenant.
    pub tenant_id: Option<String>,
    /// Which checklist.
    pub checklist_id: Option<String>,
    /// The rest; its shape depends on the kind.
    pub payload: Value,
    /// Chains the event to its predecessor.
    pub hash: String,
}

/// A page of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventPage {
    /// In order.
    pub items: Vec<EventView>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}
