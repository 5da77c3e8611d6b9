//! The sandbox platform's view of the world: its settings and the members that were imported.

use async_trait::async_trait;
use chrono::Utc;
use workbench_engine::log::Actor;
use workbench_engine::store::{Store, StoreError};
use workbench_probes::sandbox::{Call, Settings, World, WorldError};

/// A world in the workbench's own store.
#[derive(Debug, Clone)]
pub struct StoredWorld(pub Store);

fn world_error(error: &StoreError) -> WorldError {
    tracing::warn!(%error, "the sandbox could not reach the store");
    WorldError("the sandbox cannot reach its store".to_owned())
}

#[async_trait]
impl World for StoredWorld {
    async fn settings(&self, tenant: &str) -> Result<Settings, WorldError> {
        match self.0.sandbox_settings(tenant).await.map_err(|error| world_error(&error))? {
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| WorldError(format!("the stored settings are damaged: {error}"))),
            None => Ok(Settings::default()),
        }
    }

    async fn save_settings(&self, tenant: &str, settings: &Settings) -> Result<(), WorldError> {
        let text = serde_json::to_string(settings).map_err(|error| WorldError(error.to_string()))?;
        let save = async {
            let mut tx = self.0.begin(&Actor::named("sandbox"), Utc::now()).await?;
            tx.save_sandbox_settings(tenant, &text).await?;
            tx.commit().await
        };
        save.await.map(drop).map_err(|error| world_error(&error))
    }

    async fn member_count(&self, tenant: &str) -> Result<u64, WorldError> {
        let count = self.0.record_count(tenant, "member").await.map_err(|error| world_error(&error))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn record_call(&self, tenant: &str, call: &str) -> Result<(), WorldError> {
        let record = async {
            let mut tx = self.0.begin(&Actor::named("sandbox"), Utc::now()).await?;
            tx.record_sandbox_call(tenant, call).await?;
            tx.commit().await
        };
        record.await.map(drop).map_err(|error| world_error(&error))
    }

    async fn latest_calls(&self, tenant: &str, limit: usize) -> Result<Vec<Call>, WorldError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.0.sandbox_calls(tenant, limit).await.map_err(|error| world_error(&error))?;
        Ok(found.into_iter().map(|call| Call { at: call.at, call: call.call }).collect())
    }
}
