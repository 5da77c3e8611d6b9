//! The event log over HTTP: as a list, and live.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{Response, Sse};
use futures::Stream;
use serde::Deserialize;
use utoipa::IntoParams;
use workbench_engine::store::EventFilter;

use super::access::{Caller, Capability};
use super::problem::Problem;
use super::query::bad_query;
use super::wire::EventPage;
use super::{App, answers, cursor};

/// Events sent in one go.
const BATCH: i64 = 200;

/// Place among events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// `next_cursor` of the page before: the number of its last event.
    cursor: Option<i64>,
    /// Items wanted, 1 to 200; 50 where absent.
    limit: Option<i64>,
}

/// List a tenant's events
///
/// Oldest first. Nothing is ever removed from this list.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/events", tag = "events",
    params(("tenant_id" = String, Path, description = "The tenant's slug"), EventQuery),
    responses(
        (status = 200, body = EventPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn of_tenant(
    State(app): State<App>,
    caller: Caller,
    Path(tenant_id): Path<String>,
    OriginalUri(uri): OriginalUri,
    query: Result<Query<EventQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    app.context.store.tenant(&tenant_id).await?;
    let limit = cursor::limit(query.limit)?;
    let filter = EventFilter { after: query.cursor.unwrap_or(0), tenant_id: Some(tenant_id), limit: limit + 1 };
    let mut found = app.context.store.events(&filter).await?;
    let next_cursor = cursor::cut(&mut found, limit, |last| last.seq.to_string());
    let items = found.into_iter().map(answers::event).collect();
    Ok(cursor::page(&uri, next_cursor.clone().as_deref(), &EventPage { items, next_cursor }))
}

/// Where a stream begins and what it is about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Only events after this number; from now on where absent.
    after: Option<i64>,
    /// Only events of this tenant.
    tenant_id: Option<String>,
}

/// Follow events
///
/// Server-sent events: `id` is the event's number, `event` its kind, `data` the event. A client that comes back
/// with `Last-Event-ID` misses and repeats nothing.
#[utoipa::path(
    get, path = "/sys/events", tag = "events",
    params(StreamQuery, ("Last-Event-ID" = Option<i64>, Header, description = "Number of the last event received")),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stream(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    query: Result<Query<StreamQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let last = headers.get("last-event-id").map(|value| value.to_str().ok().and_then(|text| text.trim().parse().ok()));
    let last = last.map(|last: Option<i64>| last.ok_or_else(unknown_place)).transpose()?;
    let after = match last.or(query.after) {
        Some(after) => after,
        None => app.context.store.head_seq().await?,
    };
    let stop = app.stop.clone();
    let follower =
        Follower { after, tenant_id: query.tenant_id, head: app.context.store.watch_head(), app, ready: Vec::new() };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    // A daemon that stops ends its streams; the client comes back to another one.
    let until_stop = futures::StreamExt::take_until(events, async move { stop.cancelled().await });
    Ok(Sse::new(until_stop).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn unknown_place() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "last_event_id",
        "The place in the stream cannot be read",
        "`Last-Event-ID` is no number of an event",
    )
    .hint("Send the `id` of the last event received, unchanged.")
}

struct Follower {
    app: App,
    after: i64,
    tenant_id: Option<String>,
    head: tokio::sync::watch::Receiver<i64>,
    /// Events read and not sent, last first.
    ready: Vec<workbench_engine::log::Entry>,
}

impl Follower {
    /// The next event, as soon as there is one; none when the store is gone, so that the client comes back.
    async fn next(&mut self) -> Option<Event> {
        while self.ready.is_empty() {
            // Marked as seen before reading: what is written meanwhile wakes us again.
            self.head.mark_unchanged();
            let filter = EventFilter { after: self.after, tenant_id: self.tenant_id.clone(), limit: BATCH };
            match self.app.context.store.events(&filter).await {
                Ok(found) => self.ready = found,
                Err(error) => {
                    tracing::warn!(%error, "an event stream ends");
                    return None;
                }
            }
            self.ready.reverse();
            if self.ready.is_empty() {
                self.head.changed().await.ok()?;
            }
        }
        let entry = self.ready.pop()?;
        self.after = entry.seq;
        let (id, kind) = (entry.seq.to_string(), entry.kind.clone());
        let data = serde_json::to_string(&answers::event(entry)).unwrap_or_default();
        Some(Event::default().id(id).event(kind).data(data))
    }
}
