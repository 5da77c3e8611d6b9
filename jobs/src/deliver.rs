//! Takes a notification through one channel.

use chrono::Utc;
use workbench_engine::job::Job;
use workbench_engine::log::Actor;

use crate::Context;
use crate::attempt::Failure;
use crate::notification::{Message, SendFailure};

/// Runs the job. A worker that dies between the receiver's acceptance and our commit sends again, under the same id.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let delivery = context.store.delivery(job.subject_id.as_deref().unwrap_or_default()).await?;
    let notification = context.store.notification(&delivery.notification_id).await?;
    let channels = context.channels.load_full();
    let Some(channel) = channels.channel(&delivery.channel) else {
        return Err(Failure::Permanent {
            code: "channel_gone".to_owned(),
            message: format!("there is no channel `{}` any more", delivery.channel),
            hint: "Declare it again in notifications.yaml and retry the job, or leave it.".to_owned(),
        });
    };
    let message = Message::of(&delivery, &notification, context.settings.public_url.as_ref());
    match channels.send(channel, &message, context.settings.notify_secrets.as_deref()).await {
        Ok(()) => {}
        Err(SendFailure::Later { message, wait }) => return Err(Failure::Postponed { message, not_within: wait }),
        Err(SendFailure::Never(message)) => {
            let hint = "Mend the receiver or the channel, then retry the job.".to_owned();
            return Err(Failure::Permanent { code: "receiver_refused".to_owned(), message, hint });
        }
    }
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.finish_delivery(job, &delivery.id).await?;
    tx.commit().await?;
    Ok(())
}
