//! Tenants.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// A tenant. Secrets are references and are not shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TenantView {
    /// The slug.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// `federation`, `club`, …
    pub kind: String,
    /// IANA zone.
    pub time_zone: String,
    /// BCP 47 language.
    pub language: String,
    /// Levels of organisation.
    pub hierarchy_depth: i64,
    /// Where probes go.
    pub platform_url: Option<String>,
    /// First imported member.
    pub first_member_at: Option<DateTime<Utc>>,
    /// First imported transaction.
    pub first_transaction_at: Option<DateTime<Utc>>,
    /// When it went live.
    pub live_at: Option<DateTime<Utc>>,
}

/// A merge patch (RFC 7396) of a tenant: absent changes nothing, `null` clears.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::option_option, reason = "absent, null and a value are three things in RFC 7396")]
pub struct TenantPatchBody {
    /// What people call it.
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    pub name: Option<String>,
    /// IANA zone.
    #[schema(nullable = false)]
    pub time_zone: Option<String>,
    /// BCP 47 language.
    #[schema(max_length = 200, nullable = false)]
    pub language: Option<String>,
    /// Levels of organisation.
    #[schema(minimum = 0, maximum = 9, nullable = false)]
    pub hierarchy_depth: Option<i64>,
    /// Where probes go: an http(s) address, or `sandbox`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub platform_url: Option<Option<String>>,
    /// Who probes log in as.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub probe_user: Option<Option<String>>,
    /// Reference to the probes' secret.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub probe_secret: Option<Option<String>>,
}

/// Tells an absent member from `null`, which serde folds into one by itself.
#[allow(clippy::option_option, reason = "absent, null and a value are three things in RFC 7396")]
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}
