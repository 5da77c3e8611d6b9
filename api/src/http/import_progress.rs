//! How far an import is, live.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use workbench_engine::store::StoreError;

use super::access::{Caller, Capability};
use super::imports::latest_job;
use super::problem::Problem;
use super::wire::ImportProgress;
use super::{App, answers};

/// How often one looks while a job is at work: its progress is no event.
const GLANCE: Duration = Duration::from_millis(400);

/// Follow an import's progress
///
/// Server-sent events `progress`, each an `ImportProgress`: one at once, then one for every change. `done` never runs
/// backwards within a job, across reconnections neither where the client sends `Last-Event-ID`. The stream ends when nothing
/// more happens to the import by itself: it is completed, failed, cancelled or rolled back.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/imports/{import_id}/events", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
        ("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event received"),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = ImportProgress),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn follow(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path((tenant_id, import_id)): Path<(String, String)>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.require(Capability::Read)?;
    app.context.store.import(&tenant_id, &import_id).await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let stop = app.stop.clone();
    let follower = Follower {
        head: app.context.store.watch_head(),
        floor: last.and_then(Floor::read).unwrap_or_default(),
        app,
        tenant_id,
        import_id,
        shown: None,
        ended: false,
    };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    // A daemon that stops ends its streams; the client comes back to another one.
    let until_stop = futures::StreamExt::take_until(events, async move { stop.cancelled().await });
    Ok(Sse::new(until_stop).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// The most that was shown of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Floor {
    job: String,
    done: i64,
    total: Option<i64>,
}

impl Floor {
    /// From the id of an event.
    fn read(id: &str) -> Option<Self> {
        let (job, done) = id.trim().rsplit_once(':')?;
        Some(Self { job: job.to_owned(), done: done.parse().ok()?, total: None })
    }

    /// Raises what is to be shown to what was shown already: an attempt that begins anew does not say at once how much
    /// there is.
    fn hold(&mut self, job: &str, progress: &mut ImportProgress) {
        if self.job == job {
            progress.done = progress.done.max(self.done);
            progress.total = progress.total.or(self.total);
        }
        *self = Self { job: job.to_owned(), done: progress.done, total: progress.total };
    }
}

struct Follower {
    app: App,
    tenant_id: String,
    import_id: String,
    head: tokio::sync::watch::Receiver<i64>,
    floor: Floor,
    shown: Option<ImportProgress>,
    ended: bool,
}

impl Follower {
    /// The next change, as soon as there is one; none at the end, and when the store is gone, so that the client comes
    /// back.
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        loop {
            // Marked as seen before reading: what is written meanwhile wakes us again.
            self.head.mark_unchanged();
            let (progress, working, terminal) = match self.look().await {
                Ok(found) => found,
                Err(problem) => {
                    tracing::warn!(detail = problem.detail, "a progress stream ends");
                    return None;
                }
            };
            if self.shown.as_ref() != Some(&progress) {
                self.ended = terminal;
                let data = serde_json::to_string(&progress).unwrap_or_default();
                let id = format!("{}:{}", self.floor.job, self.floor.done);
                self.shown = Some(progress);
                return Some(Event::default().id(id).event("progress").data(data));
            }
            if working {
                // A change of the log comes sooner than the next glance.
                let _ = tokio::time::timeout(GLANCE, self.head.changed()).await;
            } else {
                self.head.changed().await.ok()?;
            }
        }
    }

    /// What is to be shown, whether a job is at work, and whether that was all.
    async fn look(&mut self) -> Result<(ImportProgress, bool, bool), Problem> {
        let import =
            self.app.context.store.import(&self.tenant_id, &self.import_id).await.map_err(|error| match error {
                StoreError::NotFound { .. } => Problem::not_found("the import is gone"),
                other => other.into(),
            })?;
        let state = import.state;
        let job = latest_job(&self.app, &self.import_id).await?;
        let (job_id, progress) = match &job {
            Some(job) => (job.id.as_str(), answers::progress(job)),
            None => ("", super::wire::Progress { done: 0, total: None, unit: None }),
        };
        let mut shown = ImportProgress {
            state: state.to_string(),
            done: progress.done,
            total: progress.total,
            unit: progress.unit,
            loaded: import.loaded,
        };
        self.floor.hold(job_id, &mut shown);
        let at_rest = state.is_terminal() || state == workbench_engine::import::ImportState::Preview;
        Ok((shown, !at_rest, state.is_terminal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(done: i64, total: Option<i64>) -> ImportProgress {
        ImportProgress { state: "loading".to_owned(), done, total, unit: Some("rows".to_owned()), loaded: 0 }
    }

    #[test]
    fn a_job_never_runs_backwards_and_another_begins_anew() {
        let mut floor = Floor::read("job_1:40").unwrap_or_default();
        let mut hold = |job: &str, done, total| {
            let mut progress = shown(done, total);
            floor.hold(job, &mut progress);
            (progress.done, progress.total)
        };
        assert_eq!(hold("job_1", 10, Some(100)), (40, Some(100)));
        assert_eq!(hold("job_1", 0, None), (40, Some(100)));
        assert_eq!(hold("job_1", 60, Some(100)), (60, Some(100)));
        assert_eq!(hold("job_2", 5, None), (5, None));
        assert_eq!(Floor::read("nothing"), None);
    }
}
