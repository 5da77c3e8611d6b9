//! Finds out through which channels a notification goes.

use chrono::Utc;
use workbench_engine::job::Job;
use workbench_engine::log::Actor;

use crate::Context;
use crate::attempt::Failure;

/// Runs the job: one delivery for each channel that this process knows and that wants it. Where none does, that is all.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let notification = context.store.notification(job.subject_id.as_deref().unwrap_or_default()).await?;
    let recipients = context.channels.load().recipients(notification.kind, &notification.news);
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.announce(job, &recipients).await?;
    tx.commit().await?;
    Ok(())
}
