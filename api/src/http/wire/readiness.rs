//! Whether the daemon can do its work.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the daemon can do its work, part by part.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Readiness {
    /// `pass`, `warn` or `fail`; only `fail` means that requests should go elsewhere.
    pub status: String,
    /// By name: `store`, `queue`, `backlog` (due jobs), `relay`, `reconciler`, `scheduler`, `workers`, and `definitions` where
    /// the API is served.
    pub parts: BTreeMap<String, ReadinessPart>,
}

/// One part of the daemon.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadinessPart {
    /// `pass`, `warn` or `fail`.
    pub status: String,
    /// What is the matter.
    pub detail: String,
    /// Since when it is not well, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
}
