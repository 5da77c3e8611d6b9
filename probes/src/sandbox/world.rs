//! What the sandbox knows of its tenants, and where it is kept.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where the sandbox gets its tenants' state from and keeps it: a daemon's database, or memory.
#[async_trait]
pub trait World: Send + Sync + 'static {
    /// Settings of the tenant's platform.
    async fn settings(&self, tenant: &str) -> Result<Settings, WorldError>;

    /// Keeps the settings of the tenant's platform.
    async fn save_settings(&self, tenant: &str, settings: &Settings) -> Result<(), WorldError>;

    /// How many members the tenant has imported.
    async fn member_count(&self, tenant: &str) -> Result<u64, WorldError>;

    /// Takes note of a request to the tenant's platform, for example `POST /login`.
    async fn record_call(&self, tenant: &str, call: &str) -> Result<(), WorldError>;

    /// The latest requests to the tenant's platform, at most `limit`, newest first.
    async fn latest_calls(&self, tenant: &str, limit: usize) -> Result<Vec<Call>, WorldError>;
}

/// A request that reached a tenant's platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// When.
    pub at: DateTime<Utc>,
    /// For example `POST /login`.
    pub call: String,
}

/// The world cannot say or keep something; the text says why and is shown to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WorldError(pub String);

/// Settings of one tenant's sandbox platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who collects payments; without one, transactions are only recorded.
    #[serde(default)]
    pub payment_provider: Option<String>,
    /// What is wrong with the platform at the moment, on purpose.
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// Something wrong with a sandbox platform, for practising. Does not touch its settings route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Every answer is held back; written `{"slow": {"ms": 3000}}`.
    Slow {
        /// For how many milliseconds.
        ms: u64,
    },
    /// Every answer is an internal error.
    #[serde(rename = "error_500")]
    Error500,
    /// Every answer is a web page with status 200, as from a proxy in front of a platform that is down.
    WrongBody,
    /// Every login is refused.
    LoginRefused,
    /// The platform's address is one at which it shows a certificate that nobody trusts.
    BadCertificate,
}

/// How many calls per tenant a [`MemoryWorld`] remembers.
const REMEMBERED_CALLS: usize = 1000;

/// A world that lasts as long as its process. Every tenant exists in it, at first without members or a payment
/// provider.
#[derive(Debug, Default)]
pub struct MemoryWorld {
    tenants: Mutex<HashMap<String, Platform>>,
}

#[derive(Debug, Default)]
struct Platform {
    settings: Settings,
    members: u64,
    calls: VecDeque<Call>,
}

impl MemoryWorld {
    /// An empty world.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a tenant have so many members.
    pub fn set_members(&self, tenant: &str, members: u64) {
        self.tenants().entry(tenant.to_owned()).or_default().members = members;
    }

    /// The latest requests to a tenant's platform, oldest first.
    #[must_use]
    pub fn calls(&self, tenant: &str) -> Vec<String> {
        self.tenants()
            .get(tenant)
            .map(|platform| platform.calls.iter().map(|call| call.call.clone()).collect())
            .unwrap_or_default()
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<String, Platform>> {
        // Nothing panics halfway through a change here, so the map is whole even if its lock was poisoned.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl World for MemoryWorld {
    async fn settings(&self, tenant: &str) -> Result<Settings, WorldError> {
        Ok(self.tenants().get(tenant).map(|platform| platform.settings.clone()).unwrap_or_default())
    }

    async fn save_settings(&self, tenant: &str, settings: &Settings) -> Result<(), WorldError> {
        self.tenants().entry(tenant.to_owned()).or_default().settings = settings.clone();
        Ok(())
    }

    async fn member_count(&self, tenant: &str) -> Result<u64, WorldError> {
        Ok(self.tenants().get(tenant).map(|platform| platform.members).unwrap_or_default())
    }

    async fn record_call(&self, tenant: &str, call: &str) -> Result<(), WorldError> {
        let mut tenants = self.tenants();
        let calls = &mut tenants.entry(tenant.to_owned()).or_default().calls;
        if calls.len() == REMEMBERED_CALLS {
            calls.pop_front();
        }
        calls.push_back(Call { at: Utc::now(), call: call.to_owned() });
        Ok(())
    }

    async fn latest_calls(&self, tenant: &str, limit: usize) -> Result<Vec<Call>, WorldError> {
        let tenants = self.tenants();
        let calls = tenants.get(tenant).map(|platform| platform.calls.iter().rev().take(limit).cloned().collect());
        Ok(calls.unwrap_or_default())
    }
}
