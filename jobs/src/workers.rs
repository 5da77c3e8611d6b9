//! The worker pool: an apalis worker under supervision.
//!
//! A Redis that restarts, loses its data or stalls throws the worker out for good, and the process would live on
//! without one. So the pool is restarted, each time under a fresh name: two lives under one name would hide each
//! other's death.

use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, Data, WorkerBuilder};
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use crate::queue::{JobId, channel_storage, storage, wake_ups};
use crate::{Context, Part, PoolState, Queue, Status, attempt};

/// Wait before the first restart; doubled up to the bound.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A pool that has run for so long has recovered.
const STEADY: Duration = Duration::from_secs(30);

/// What the handler of a task gets besides the id.
#[derive(Clone)]
struct Crew {
    context: Context,
    worker: String,
    stop: CancellationToken,
}

/// Runs the pool until `stop`, restarting it whenever the queue throws it out.
pub async fn run_workers(context: &Context, queue: &Queue, status: &Status, stop: &CancellationToken) {
    status.set_pool(PoolState::Starting);
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let started = tokio::time::Instant::now();
        let ended = run_once(context, queue, status, stop).await;
        if stop.is_cancelled() {
            break;
        }
        let error = ended.err().unwrap_or_else(|| "the queue's stream ended".to_owned());
        status.fails(Part::Workers, &error);
        status.set_pool(PoolState::Starting);
        if started.elapsed() > STEADY {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    status.set_pool(PoolState::Off);
}

async fn run_once(context: &Context, queue: &Queue, status: &Status, stop: &CancellationToken) -> Result<(), String> {
    let worker = format!("workbench-{}-{}", std::process::id(), Ulid::new());
    let crew = Crew { context: context.clone(), worker: worker.clone(), stop: stop.clone() };
    let concurrency = context.settings.concurrency;
    let signal = {
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            Ok::<(), std::io::Error>(())
        }
    };
    match queue {
        Queue::Embedded(channel) => {
            let (sender, storage) = channel_storage();
            *channel.lock().await = Some(sender);
            status.set_pool(PoolState::Running { worker: worker.clone() });
            let pool =
                WorkerBuilder::new(worker.as_str()).backend(storage).concurrency(concurrency).data(crew).build(handle);
            let ended = pool.run_until(signal).await;
            *channel.lock().await = None;
            ended.map_err(|error| error.to_string())
        }
        Queue::Redis(client) => {
            let wake_ups = wake_ups(client).await.map_err(|error| error.to_string())?;
            let storage = storage(client, concurrency).await.map_err(|error| error.to_string())?;
            let storage = storage.poll_with_stream(wake_ups);
            status.set_pool(PoolState::Running { worker: worker.clone() });
            let pool =
                WorkerBuilder::new(worker.as_str()).backend(storage).concurrency(concurrency).data(crew).build(handle);
            pool.run_until(signal).await.map_err(|error| error.to_string())
        }
    }
}

/// Looks at one job. The task is always acknowledged: what became of the job is in SQL, and only SQL decides
/// whether it is tried again.
async fn handle(id: JobId, crew: Data<Crew>) {
    attempt::run(&crew.context, &crew.worker, &id.0, &crew.stop).await;
}
