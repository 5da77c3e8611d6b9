//! Cancels imports whose previews nobody confirmed in time, and removes what was stored for them.
//!
//! The row is cancelled first, with a mark that there is something to remove; findings and file go after that, and the
//! mark last. Whoever is killed in between leaves the mark to the next round of any process.

use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;
use workbench_engine::log::Actor;
use workbench_engine::store::StoreError;

use crate::Context;
use crate::sweep::SweepError;

/// How often one looks.
const ROUND: Duration = Duration::from_mins(1);
/// Imports looked at in one step.
const BATCH: i64 = 100;
/// Findings removed in one transaction.
const ISSUES: i64 = 1000;

/// Runs until `stop`. Several may run at once: the row decides, under its lock.
pub async fn expire_previews(context: &Context, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            ended = round(context) => {
                if let Err(error) = ended {
                    tracing::warn!(%error, "expired previews could not be looked for");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

async fn round(context: &Context) -> Result<(), StoreError> {
    for id in context.store.expired_previews(Utc::now(), BATCH).await? {
        match expire(context, &id).await {
            Ok(true) => tracing::info!(import = id, "nobody confirmed the preview in time; the import is cancelled"),
            Ok(false) => {}
            Err(error) if error.is_unavailable() => return Err(error),
            // One row that cannot be read must not keep the others.
            Err(error) => tracing::warn!(import = id, %error, "an expired preview could not be cancelled"),
        }
    }
    for (id, key) in context.store.unswept_previews(BATCH).await? {
        if let Err(error) = remove(context, &id, &key).await {
            // One file that cannot be removed must not keep the others.
            tracing::warn!(import = id, %error, "an expired preview could not be removed; the next round will");
        }
    }
    Ok(())
}

async fn expire(context: &Context, id: &str) -> Result<bool, StoreError> {
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    let expired = tx.expire_preview(id).await?;
    if expired {
        tx.commit().await?;
    }
    Ok(expired)
}

async fn remove(context: &Context, id: &str, key: &str) -> Result<(), SweepError> {
    loop {
        let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
        let removed = tx.remove_issues(id, ISSUES).await?;
        tx.commit().await?;
        if removed == 0 {
            break;
        }
    }
    context.objects.remove(key).await?;
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.preview_swept(id).await?;
    tx.commit().await?;
    Ok(())
}
