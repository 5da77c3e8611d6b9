//! Takes jobs back from workers that were lost: a lease that ran out ends the attempt.

use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;
use workbench_engine::job::JobCommand;
use workbench_engine::log::Actor;
use workbench_engine::store::StoreError;

use crate::{Context, Part, Status};

/// How often leases are looked at.
const ROUND: Duration = Duration::from_millis(500);
/// Jobs taken back in one round.
const BATCH: i64 = 100;

/// Runs the reconciler until `stop`. Several may run at once: the rule decides under the row's lock.
pub async fn reconcile(context: &Context, status: &Status, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        match round(context).await {
            Ok(()) => status.works(Part::Reconciler),
            Err(error) => status.fails(Part::Reconciler, &error),
        }
    }
}

async fn round(context: &Context) -> Result<(), StoreError> {
    for id in context.store.lost_jobs(Utc::now(), BATCH).await? {
        let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
        match tx.command_job(&id, &JobCommand::ExpireLease { jitter: rand::random() }).await {
            Ok(job) => {
                tx.commit().await?;
                context.metrics.lease_lost();
                tracing::warn!(job = id, attempt = job.attempt, state = %job.state, "took a job back from a lost worker");
            }
            // Another reconciler was first, or the worker came back in time.
            Err(StoreError::JobRefused(refusal)) => tracing::debug!(job = id, %refusal, "no lease to end"),
            Err(error) if error.is_unavailable() => return Err(error),
            // One job that cannot be taken back must not keep the others.
            Err(error) => tracing::error!(job = id, %error, "a job could not be taken back"),
        }
    }
    Ok(())
}
