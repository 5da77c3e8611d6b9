//! What a gate's condition may look at, besides the checklist itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The evidence at the moment of a decision. It is read in the transaction of the decision, so that what was
/// judged is what was stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The tenant's latest finished health check, if any.
    pub health: Option<HealthFact>,
    /// What has been imported for the tenant.
    pub imports: ImportFacts,
    /// The tenant itself.
    pub tenant: TenantFact,
    /// When the last program of a step that ended well was asked for, by step id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, DateTime<Utc>>,
}

/// The latest aggregate of the tenant's probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthFact {
    /// Id of the health check.
    pub check_id: String,
    /// `pass`, `warn` or `fail`; a probe that could not run counts as `fail`.
    pub status: String,
    /// When the check began: evidence is as old as its oldest part.
    pub checked_at: DateTime<Utc>,
    /// The tenant's generation that the check saw.
    pub generation: i64,
    /// One line per probe.
    pub probes: Vec<ProbeFact>,
}

/// One probe's verdict within the latest health check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeFact {
    /// Name of the probe, for example `sample_login`.
    pub probe: String,
    /// `pass`, `warn`, `fail` or `error`.
    pub status: String,
    /// What the probe has to say.
    pub message: String,
}

/// How many of the tenant's imports ended which way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImportFacts {
    /// Imports that completed.
    pub completed: i64,
    /// Of these, the ones without a rejected row.
    pub clean: i64,
    /// When the last of these completed.
    #[serde(default)]
    pub last_clean_at: Option<DateTime<Utc>>,
    /// Imports that are being read, previewed or loaded.
    pub open: i64,
    /// Imports that failed.
    pub failed: i64,
}

/// What conditions may know of the tenant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TenantFact {
    /// The slug.
    pub id: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// `federation`, `club`, `pilot`, …
    pub kind: String,
    /// Raised by every change to the tenant's configuration, imports or probe set. Evidence is newer than the last
    /// change exactly when it saw this generation: clocks of several hosts need not agree for that.
    pub generation: i64,
}

impl HealthFact {
    /// Whether nothing that the check rests on has changed since.
    #[must_use]
    pub fn is_newer_than_last_change(&self, tenant: &TenantFact) -> bool {
        self.generation == tenant.generation
    }
}

impl Facts {
    /// The variables of a condition besides `steps` and `now`, as CEL sees them. `health` always exists; with no
    /// check yet its `status` is `none` and `checked_at` the epoch, so that a condition is false rather than
    /// broken.
    #[must_use]
    pub fn variables(&self, now: DateTime<Utc>) -> Value {
        let health = self.health.as_ref();
        let (status, checked_at, probes) = match health {
            Some(health) => (health.status.as_str(), health.checked_at, health.probes.as_slice()),
            None => ("none", DateTime::UNIX_EPOCH, &[][..]),
        };
        let newer_than_last_change = health.is_some_and(|health| health.is_newer_than_last_change(&self.tenant));
        let probes: serde_json::Map<String, Value> =
            probes.iter().map(|probe| (probe.probe.clone(), json!(probe.status))).collect();
        json!({
            "health": {
                "status": status,
                "age_seconds": (now - checked_at).num_seconds(),
                "newer_than_last_change": newer_than_last_change,
                "probes": probes,
            },
            "imports": {
                "completed": self.imports.completed,
                "clean": self.imports.clean,
                "open": self.imports.open,
                "failed": self.imports.failed,
            },
            "tenant": {
                "id": self.tenant.id,
                "country": self.tenant.country,
                "kind": self.tenant.kind,
            },
        })
    }
}
