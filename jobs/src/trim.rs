//! Keeps Redis small: apalis never forgets a finished task, so we do, in small bounded steps.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::queue::{connect, queue_config};
use crate::{Queue, QueueError};

/// Tasks forgotten in one step.
const BATCH: usize = 500;
/// Pause between steps when there was little to forget.
const ROUND: Duration = Duration::from_secs(5);

/// Runs until `stop`; on the embedded queue there is nothing to do.
pub async fn trim(queue: &Queue, stop: &CancellationToken) {
    let Queue::Redis(client) = queue else { return };
    let mut pause = ROUND;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match step(client).await {
            Ok(forgotten) if forgotten == BATCH => Duration::ZERO,
            Ok(_) => ROUND,
            Err(error) => {
                tracing::debug!(%error, "finished tasks could not be trimmed");
                ROUND
            }
        };
    }
}

/// Forgets one batch. The ids are popped first: a crash in between leaves a few entries of a hash, not a lost job.
async fn step(client: &redis::Client) -> Result<usize, QueueError> {
    let mut connection = connect(client).await?;
    let config = queue_config();
    let mut forgotten = 0;
    for finished in [config.done_jobs_set(), config.dead_jobs_set()] {
        let ids: Vec<String> = redis::cmd("SPOP").arg(finished).arg(BATCH).query_async(&mut connection).await?;
        if ids.is_empty() {
            continue;
        }
        let mut pipeline = redis::pipe();
        pipeline.cmd("HDEL").arg(config.job_data_hash()).arg(&ids).ignore();
        for id in &ids {
            pipeline.cmd("DEL").arg(format!("{}:{id}", config.job_meta_hash())).ignore();
        }
        let () = pipeline.query_async(&mut connection).await?;
        forgotten = forgotten.max(ids.len());
    }
    Ok(forgotten)
}
