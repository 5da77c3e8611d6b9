//! The carrier of job ids: Redis through apalis-redis, or apalis' channel inside one process.
//!
//! Neither is trusted with anything but speed. Redis may come back empty; the channel is empty at every start;
//! the relay fills both from SQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use apalis_core::backend::TaskSink;
use apalis_core::backend::memory::{MemorySink, MemoryStorage};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::{RandomId, TaskId};
use apalis_redis::{Config, RedisStorage};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::{SinkExt, Stream, StreamExt};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_stream::wrappers::IntervalStream;

/// Where job ids travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAddress {
    /// Inside this process.
    Embedded,
    /// `redis://…`; shared by daemons and workers.
    Redis(String),
}

/// What a task of the queue says: which job to look at. Everything else is in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobId(pub String);

/// What can go wrong between us and the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis said no, or nothing.
    #[error("Redis did not answer: {0}")]
    Redis(#[from] redis::RedisError),
    /// The queue did not take an id.
    #[error("the queue did not take the job: {0}")]
    Push(String),
}

/// Our namespace in Redis.
const NAMESPACE: &str = "workbench:jobs";
/// Where the relay says that there is something to fetch.
const WAKE: &str = "workbench:wake";
/// How often a worker looks without having been told: messages may be lost, ids are not.
const LOOK: Duration = Duration::from_secs(1);
/// Longer than a stall that one wants to survive, shorter than a lease.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// A worker that misses two of these is dead to the queue; our own lease decides all the same.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The channel to the pool of this process, while it runs.
type Channel = Arc<Mutex<Option<OpenChannel>>>;

/// The sending end of a channel, and how many ids are in it.
#[derive(Debug, Clone)]
pub struct OpenChannel {
    sender: UnboundedSender<Task<JobId>>,
    waiting: Waiting,
}

/// Ids sent and not taken yet.
#[derive(Debug, Clone, Default)]
struct Waiting(Arc<AtomicI64>);

impl Waiting {
    /// One was taken out of the channel.
    fn taken(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The sending and the receiving end of the queue.
#[derive(Clone)]
pub enum Queue {
    /// Ids go through a channel; a pool that restarts brings a new one.
    Embedded(Channel),
    /// Ids go through Redis.
    Redis(redis::Client),
}

impl Queue {
    /// Prepares the queue; connects lazily, so that a daemon starts while Redis is still down.
    pub fn new(address: &QueueAddress) -> Result<Self, QueueError> {
        Ok(match address {
            QueueAddress::Embedded => Self::Embedded(Arc::default()),
            QueueAddress::Redis(url) => Self::Redis(redis::Client::open(url.as_str())?),
        })
    }

    /// `embedded` or `redis`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Redis(_) => "redis",
        }
    }

    /// Opens a sender of ids.
    pub async fn sender(&self) -> Result<Sender, QueueError> {
        Ok(match self {
            Self::Embedded(channel) => Sender::Embedded(Arc::clone(channel)),
            Self::Redis(client) => Sender::Redis(Box::new(storage(client, 100).await?)),
        })
    }

    /// Asks whether the queue answers.
    pub async fn ping(&self) -> Result<(), QueueError> {
        if let Self::Redis(client) = self {
            let mut connection = connect(client).await?;
            let _: String = redis::cmd("PING").query_async(&mut connection).await?;
        }
        Ok(())
    }
}

/// Hands ids to the queue.
pub enum Sender {
    /// To the pool of this process, if it runs.
    Embedded(Channel),
    /// To Redis.
    Redis(Box<RedisStorage<JobId>>),
}

impl Sender {
    /// How many ids the queue holds that no worker has fetched.
    pub async fn waiting(&mut self) -> Result<i64, QueueError> {
        match self {
            Self::Embedded(channel) => {
                Ok(channel.lock().await.as_ref().map_or(0, |channel| channel.waiting.0.load(Ordering::Relaxed)))
            }
            Self::Redis(storage) => {
                let config = queue_config();
                let mut lengths = redis::pipe();
                lengths.cmd("ZCARD").arg(config.scheduled_jobs_set());
                lengths.cmd("LLEN").arg(config.active_jobs_list());
                let (scheduled, active): (i64, i64) = lengths.query_async(storage.get_connection()).await?;
                Ok(scheduled + active)
            }
        }
    }

    /// Hands over ids. On an error some may have arrived; handing them over again does no harm.
    pub async fn send(&mut self, ids: Vec<String>) -> Result<(), QueueError> {
        let ids: Vec<_> = ids.into_iter().map(JobId).collect();
        match self {
            Self::Embedded(channel) => match channel.lock().await.as_mut() {
                Some(channel) => ids.into_iter().try_for_each(|id| {
                    let task = TaskBuilder::new(id).task_id(TaskId::from_string(RandomId::default())).build();
                    channel.waiting.0.fetch_add(1, Ordering::Relaxed);
                    channel.sender.unbounded_send(task).map_err(|error| QueueError::Push(error.to_string()))
                }),
                None => Err(QueueError::Push("no worker pool runs in this process".to_owned())),
            },
            Self::Redis(storage) => {
                storage.push_bulk(ids).await.map_err(|error| QueueError::Push(error.to_string()))?;
                let () = redis::cmd("PUBLISH").arg(WAKE).arg("").query_async(storage.get_connection()).await?;
                Ok(())
            }
        }
    }
}

/// Apalis' view of a channel. We send on the channel itself: apalis' own sink may not be used from two threads at
/// once, and the worker polls it.
pub(crate) fn channel_storage() -> (OpenChannel, MemoryStorage<JobId>) {
    let (sender, receiver) = unbounded();
    let sink = MemorySink::new(Arc::new(futures::lock::Mutex::new(Box::new(sender.clone().sink_map_err(Into::into)))));
    let waiting = Waiting::default();
    let counted = waiting.clone();
    let receiver = receiver.inspect(move |_| counted.taken());
    (OpenChannel { sender, waiting }, MemoryStorage::new_with(sink, receiver.boxed()))
}

pub(crate) async fn connect(client: &redis::Client) -> Result<ConnectionManager, QueueError> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_number_of_retries(1);
    Ok(client.get_connection_manager_with_config(config).await?)
}

/// Apalis' view of Redis. `batch` is how many ids a worker takes at once: those it cannot run yet wait in its hands
/// and not in others', so it stays near the number of jobs run at once.
pub(crate) async fn storage(client: &redis::Client, batch: usize) -> Result<RedisStorage<JobId>, QueueError> {
    let config = queue_config().batch_size(batch);
    Ok(RedisStorage::new(connect(client).await?).with_config(config))
}

/// Ticks when the relay has handed something over, and every second besides. Without it apalis-redis looks for
/// tasks at its heartbeat only.
pub(crate) async fn wake_ups(
    client: &redis::Client,
) -> Result<impl Stream<Item = ()> + Send + Unpin + 'static, QueueError> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(WAKE).await?;
    // A subscription that ends must not end the ticking: the worker notices a lost Redis by itself.
    let told = subscription.into_on_message().map(|_| ()).chain(futures::stream::pending());
    let looks = IntervalStream::new(tokio::time::interval(LOOK)).map(|_| ());
    Ok(futures::stream::select(Box::pin(told), looks))
}

pub(crate) fn queue_config() -> Config {
    Config::default().queue(NAMESPACE).heartbeat_interval(HEARTBEAT).missed_heartbeats(2).persist_results(false)
}
