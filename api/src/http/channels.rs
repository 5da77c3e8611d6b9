//! Notification channels over HTTP: what there is, and whether messages arrive.

use axum::extract::{Path, State};
use chrono::Utc;
use serde_json::json;
use workbench_engine::log::NewEntry;
use workbench_jobs::{Channel, Message, SendFailure};

use super::App;
use super::access::{Caller, Capability};
use super::problem::{Problem, nearest};
use super::wire::{ChannelList, ChannelTest, ChannelView};

/// List notification channels
///
/// As this daemon read them last, without secrets.
#[utoipa::path(
    get, path = "/sys/notification-channels", tag = "notifications",
    responses(
        (status = 200, body = ChannelList),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<ChannelList>, Problem> {
    caller.require(Capability::Read)?;
    Ok(axum::Json(ChannelList { items: app.context.channels.load().iter().map(view).collect() }))
}

fn view(channel: &Channel) -> ChannelView {
    ChannelView {
        id: channel.id().to_owned(),
        kind: channel.kind().as_str().to_owned(),
        on: channel.kinds().iter().map(ToString::to_string).collect(),
        tenants: channel.tenants().to_vec(),
        countries: channel.countries().to_vec(),
        destination: channel.destination(),
    }
}

/// Test a notification channel
///
/// Sends one message at once, from this daemon and without repeating it, and answers what came.
#[utoipa::path(
    post, path = "/sys/notification-channels/{channel_id}/test", tag = "notifications",
    params(("channel_id" = String, Path, description = "Id of the channel")),
    responses(
        (status = 200, body = ChannelTest),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<ChannelTest>, Problem> {
    caller.require(Capability::JobsManage)?;
    let channels = app.context.channels.load_full();
    let channel = channels.channel(&id).ok_or_else(|| {
        let problem = Problem::not_found(format!("there is no notification channel `{id}`"));
        match nearest(&id, channels.iter().map(Channel::id)) {
            Some(nearest) => problem.hint(format!("Did you mean `{nearest}`?")),
            None => problem.hint("`GET /sys/notification-channels` lists them."),
        }
    })?;
    let settings = &app.context.settings;
    let message = Message::test(channel.id(), settings.public_url.as_ref());
    let error = match channels.send(channel, &message, settings.notify_secrets.as_deref()).await {
        Ok(()) => None,
        Err(SendFailure::Later { message, .. } | SendFailure::Never(message)) => Some(message),
    };
    let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
    tx.record(NewEntry {
        kind: "notification_channel_tested".to_owned(),
        tenant_id: None,
        checklist_id: None,
        payload: json!({ "channel": channel.id(), "delivered": error.is_none(), "error": error }),
    });
    tx.commit().await?;
    Ok(axum::Json(ChannelTest { channel: id, delivered: error.is_none(), error }))
}
