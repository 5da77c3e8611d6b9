//! Durable jobs: SQL holds them, apalis carries their ids, workers run them.
//!
//! One transaction writes state, event and job; the [`relay`] hands ids of due jobs to the queue and hands them
//! over again when the queue has lost them; a worker claims the row by lease, works under heartbeats, and ends the
//! job under the fence. Whatever the queue loses, repeats or delays is therefore harmless, and nothing but the
//! engine's rules decides a retry.

mod announce;
mod attempt;
mod bucket;
mod context;
mod deliver;
mod health_check;
mod import_load;
mod import_preview;
mod import_rollback;
mod metrics;
mod notification;
mod objects;
mod original;
mod preview_expiry;
mod queue;
mod reading;
mod reconciler;
pub mod relay;
mod scheduler;
mod secret;
mod status;
mod step_command;
mod sweep;
mod trim;
mod workers;

pub use bucket::{Bucket, BucketError};
pub use context::{Context, JobSettings};
pub use health_check::{SANDBOX, SANDBOX_URL};
pub use metrics::JobMetrics;
pub use notification::{Channel, ChannelKind, Channels, Message, SendFailure, notification_schema};
pub use objects::{ObjectError, Objects, Stored};
pub use preview_expiry::expire_previews;
pub use queue::{Queue, QueueAddress, QueueError};
pub use reconciler::reconcile;
pub use scheduler::follow_schedules;
pub use secret::{FORMS as SECRET_FORMS, NOTIFICATION_FORMS as NOTIFICATION_SECRET_FORMS, SecretReference};
pub use status::{Down, Part, PoolState, Status};
pub use sweep::{UPLOADS, sweep};
pub use trim::trim;
pub use workers::run_workers;
