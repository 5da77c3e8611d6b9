//! Undoes a completed import, part by part, each in one transaction.

use chrono::Utc;
use workbench_engine::job::Job;
use workbench_engine::log::Actor;
use workbench_engine::store::RecordPlace;

use crate::Context;
use crate::attempt::Failure;

/// Runs the job. An attempt walks through the tenant's records from the start: what is undone already is passed over.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let import_id = job.subject_id.as_deref().unwrap_or_default();
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.begin_rollback(job, import_id).await?;
    tx.commit().await?;

    let (mut place, mut done) = (RecordPlace::default(), job.done);
    loop {
        let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
        let part = tx.roll_back_part(job, import_id, &place, done, context.settings.lease_delta()).await?;
        tx.commit().await?;
        done += part.0;
        match part.1 {
            Some(next) => place = next,
            None => break,
        }
    }
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.finish_rollback(job, import_id).await?;
    tx.commit().await?;
    Ok(())
}
