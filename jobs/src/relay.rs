//! From the outbox to the queue: hands ids of due jobs over, and over again when the queue has lost them.
//!
//! How many is the engine's to say (see [`workbench_engine::hand_over`]): above a bound, Redis' Lua could no longer move
//! the ids.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use workbench_engine::hand_over::{Bounds, share};
use workbench_engine::log::Actor;
use workbench_engine::store::StoreError;

use crate::queue::Sender;
use crate::{Context, Part, Queue, QueueError, Status};

/// Ids handed over in one transaction.
const BATCH: i64 = 200;
/// Ids in the queue up to which those of jobs that nobody waits for are added: some seconds of work.
const BACKGROUND: i64 = 100;
/// How soon jobs written by other processes are seen; jobs of this process wake the relay at once.
const POLL: Duration = Duration::from_millis(200);
/// A round that takes longer hangs: a database that was frozen, for example, says nothing at all.
const STALL: Duration = Duration::from_secs(10);
/// Pause after an error.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("database and queue did not answer within {STALL:?}")]
    Stalled,
}

/// Runs the relay until `stop`. Several may run at once, in one process or in many: each takes other rows.
pub async fn run(context: &Context, queue: &Queue, status: &Status, stop: &CancellationToken) {
    let mut sender = None;
    while !stop.is_cancelled() {
        let round = tokio::time::timeout(STALL, round(context, queue, &mut sender)).await;
        let pause = match round.unwrap_or(Err(RelayError::Stalled)) {
            Ok(handed) => {
                context.metrics.handed_over(handed);
                status.works(Part::Relay);
                if handed == BATCH { Duration::ZERO } else { POLL }
            }
            Err(error) => {
                status.fails(Part::Relay, &error);
                // A broken connection is not mended by using it again.
                sender = None;
                PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
            () = context.store.jobs_wanted(), if pause == POLL => {}
        }
    }
}

/// Hands over one batch. The rows are marked in the transaction that ends after the queue has taken the ids: an
/// error in between hands them over again, which does no harm.
async fn round(context: &Context, queue: &Queue, sender: &mut Option<Sender>) -> Result<i64, RelayError> {
    let now = Utc::now();
    let rehand_before = now - TimeDelta::from_std(context.settings.rehand_after).unwrap_or(TimeDelta::seconds(10));
    if context.store.oldest_due(now).await?.is_none() {
        return Ok(0);
    }
    let sender = match sender {
        Some(sender) => sender,
        None => sender.insert(queue.sender().await?),
    };
    let waiting = sender.waiting().await?;
    if waiting >= context.settings.outstanding {
        return Ok(0);
    }
    let unclaimed = context.store.handed_and_unclaimed().await?;
    let bounds = Bounds { ids: context.settings.outstanding, background: BACKGROUND, batch: BATCH };
    let share = share(bounds, waiting, unclaimed);
    let mut tx = context.store.begin(&Actor::workbench(), now).await?;
    let mut ids = Vec::new();
    if share.again > 0 {
        ids = tx.hand_over_again(rehand_before, share.again).await?;
    }
    let left = share.room - i64::try_from(ids.len()).unwrap_or(share.room);
    ids.extend(tx.hand_over(left, share.background).await?);
    let handed = i64::try_from(ids.len()).unwrap_or(BATCH);
    if !ids.is_empty() {
        sender.send(ids).await?;
    }
    tx.commit().await?;
    Ok(handed)
}
