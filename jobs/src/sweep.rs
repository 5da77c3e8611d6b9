//! Removes uploads that never became an import: the daemon was killed before their last byte, or between that and the
//! commit.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;
use workbench_engine::store::StoreError;

use crate::{Context, ObjectError};

/// How often one looks.
const ROUND: Duration = Duration::from_hours(1);
/// Younger files may belong to an upload that is still under way.
const AGE: TimeDelta = TimeDelta::days(1);
/// Where uploads are.
pub const UPLOADS: &str = "imports";

#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Object(#[from] ObjectError),
}

/// Runs until `stop`. Several may run at once: removing what is gone does no harm.
pub async fn sweep(context: &Context, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            swept = round(context) => {
                if let Err(error) = swept {
                    tracing::warn!(%error, "left-over uploads could not be looked for");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

async fn round(context: &Context) -> Result<(), SweepError> {
    let partial = context.objects.remove_partial(UPLOADS, Utc::now() - AGE).await?;
    if partial > 0 {
        tracing::info!(partial, "removed what had arrived of uploads that broke off");
    }
    let mut old = context.objects.older(UPLOADS, Utc::now() - AGE);
    while let Some(key) = old.try_next().await? {
        if !context.store.is_object_used(&key).await? {
            tracing::info!(key, "removing an upload that never became an import");
            context.objects.remove(&key).await?;
        }
    }
    Ok(())
}
