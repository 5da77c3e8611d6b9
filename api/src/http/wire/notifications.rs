//! Incidents, and the channels by which people are told of them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of incidents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IncidentPage {
    /// Newest first.
    pub items: Vec<IncidentView>,
    /// Asks for the next page; absent on the last.
    pub next_cursor: Option<String>,
}

/// A tenant's health from where it failed until it no longer did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IncidentView {
    /// Its id.
    pub id: String,
    /// Whose health.
    pub tenant_id: String,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// The health check that failed first.
    pub opened_by_check: String,
    /// When it closed; absent while it is open.
    pub closed_at: Option<DateTime<Utc>>,
    /// The health check that no longer failed.
    pub closed_by_check: Option<String>,
    /// Who was told, and how far that is; only on a single incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Vec<DeliveryView>>,
}

/// A notification on its way through a channel.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id; of a webhook, the header `webhook-id`.
    pub id: String,
    /// `tenant.health.failed` or `tenant.health.recovered`.
    pub kind: String,
    /// The channel's id.
    pub channel: String,
    /// The job that takes it there.
    pub job_id: String,
    /// `queued`, `running`, `succeeded`, `retrying`, `failed` or `cancelled`, as the job.
    pub state: String,
    /// What the latest failed attempt said.
    pub last_error: Option<String>,
    /// When the receiver accepted it.
    pub delivered_at: Option<DateTime<Utc>>,
}

/// Every channel that this daemon knows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelList {
    /// In the order of the file.
    pub items: Vec<ChannelView>,
}

/// A channel, without secrets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelView {
    /// Its id.
    pub id: String,
    /// `webhook`, `slack` or `email`.
    pub kind: String,
    /// What it is told: `tenant.health.failed`, `tenant.health.recovered`.
    pub on: Vec<String>,
    /// Only of these tenants; of all where empty.
    pub tenants: Vec<String>,
    /// Only of tenants in these countries; of all where empty.
    pub countries: Vec<String>,
    /// The receiver's host, or how many recipients there are; absent where it is a secret.
    pub destination: Option<String>,
}

/// What came of a test message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelTest {
    /// The channel.
    pub channel: String,
    /// Whether the receiver accepted it.
    pub delivered: bool,
    /// What came instead.
    pub error: Option<String>,
}
