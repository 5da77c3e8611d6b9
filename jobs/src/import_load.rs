//! Stores a confirmed import in chunks: one or a few of them and their checkpoint in a transaction.

use std::sync::Arc;

use chrono::Utc;
use workbench_engine::job::Job;
use workbench_engine::log::Actor;
use workbench_engine::store::Chunk;

use crate::Context;
use crate::attempt::Failure;
use crate::reading::{Part, read};

/// Runs the job. The file is read from the start; batches behind the checkpoint are passed over, since reading
/// the same bytes gives the same batches.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let import_id = job.subject_id.as_deref().unwrap_or_default();
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    let (import, is_first) = tx.begin_loading(job, import_id).await?;
    tx.commit().await?;

    let mut parts = read(context, &import).await?;
    let mut loader = context.store.loader(job, import_id, context.settings.lease_delta());
    let (mut done, mut rejected, mut records) = (0, 0, 0);
    loop {
        let rows = match parts.next().await? {
            Part::Rows(rows) => rows,
            Part::Detected(_) | Part::File(_) => continue,
            Part::End => break,
        };
        done += rows.read;
        rejected += rows.rejected;
        records += i64::try_from(rows.records.len()).unwrap_or(i64::MAX);
        if done <= import.checkpoint {
            continue;
        }
        let chunk = Chunk { records: Arc::new(rows.records), checkpoint: done, total: import.counts.rows_read };
        // A ledger may state a record twice, and an attempt that was cut off may have been here before.
        let left = if is_first { loader.add(chunk).await? } else { vec![chunk] };
        load(context, job, import_id, left).await?;
    }
    let left = loader.finish().await?;
    load(context, job, import_id, left).await?;
    let previewed = &import.counts;
    if (done, rejected, records) != (previewed.rows_read, previewed.rows_rejected, previewed.records) {
        return Err(Failure::Permanent {
            code: "preview_differs".to_owned(),
            message: format!(
                "the file gave {done} rows, {rejected} rejected and {records} records; its preview had {}, {} and {}",
                previewed.rows_read, previewed.rows_rejected, previewed.records
            ),
            hint: "Upload the file again, so that it is read anew; what was loaded of it stays.".to_owned(),
        });
    }
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.complete_import(job, import_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Stores chunks the usual way, each in a transaction of its own.
async fn load(context: &Context, job: &Job, import_id: &str, chunks: Vec<Chunk>) -> Result<(), Failure> {
    for chunk in chunks {
        let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
        tx.load_chunk(job, import_id, &chunk, context.settings.lease_delta()).await?;
        tx.commit().await?;
    }
    Ok(())
}
