//! Whether the daemon can do its work.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Whether the daemon can do its work, part by part.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Readiness {
    /// `pass`, `warn` or `fail`; only `fail` means that requests should go elsewhere.
    pub status: String,
    /// By name: `store`, `queue`, `workers`, `relay`, `backlog`.
    pub parts: BTreeMap<String, ReadinessPart>,
}

/// One part of the daemon.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadinessPart {
    /// `pass`, `warn` or `fail`.
    pub status: String,
    /// What is the matter.
    pub detail: String,
}
