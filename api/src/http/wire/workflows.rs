//! Workflows.

use serde::Serialize;
use utoipa::ToSchema;

/// A workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkflowView {
    /// Its name.
    pub name: String,
    /// The newest version.
    pub version: u32,
    /// What people see.
    pub title: String,
    /// SHA-256 of its source.
    pub content_hash: String,
    /// Step ids in reading order.
    pub steps: Vec<String>,
    /// Names of its probes.
    pub probes: Vec<String>,
}

/// Every workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkflowList {
    /// By name.
    pub items: Vec<WorkflowView>,
}
