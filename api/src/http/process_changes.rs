//! Dated changes of how onboarding is done, over HTTP, each with what it made.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Datelike, Utc};
use workbench_engine::retrospective::process_change::{BeforeAfter, Course, before_after};
use workbench_engine::store::{HistoryFilter, NewProcessChange, ProcessChange};

use super::App;
use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::{self, Problem};
use super::wire::{BeforeAfterView, NoteProcessChange, ProcessChangeList, ProcessChangeView};

/// Changes listed at most.
const LISTED: i64 = 100;
/// Longest title, in characters.
const LONGEST: usize = 200;

/// List process changes
///
/// The latest hundred, newest first, each with the onboardings opened before and after it. Who was under way at the change
/// counts as before.
#[utoipa::path(
    get, path = "/sys/process-changes", tag = "retrospective",
    responses(
        (status = 200, body = ProcessChangeList),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<ProcessChangeList>, Problem> {
    caller.require(Capability::Read)?;
    Ok(axum::Json(ProcessChangeList { items: compared(&app).await? }))
}

/// Every listed change with its before and after, for API and console: as it was compared before, unless the list or a
/// history has changed since.
pub async fn compared(app: &App) -> Result<Vec<ProcessChangeView>, Problem> {
    let store = &app.context.store;
    let (now, head) = (Utc::now(), store.head_seq().await?);
    let changes = store.process_changes(LISTED).await?;
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let known = app.before_and_after.find(&changes, now);
    let found = match known {
        Some((found, seq)) if store.histories_changed_since(seq).await?.is_none() => found,
        _ => Arc::new(compare(app, &changes, now).await?),
    };
    app.before_and_after.keep(&changes, &found, head, now);
    Ok(changes.into_iter().zip(found.iter()).map(|(change, found)| view(change, Some(found))).collect())
}

/// An onboarding on either side of every change.
struct Told {
    course: Course,
    country: String,
    workflow: String,
}

async fn compare(app: &App, changes: &[ProcessChange], now: DateTime<Utc>) -> Result<Vec<BeforeAfter>, Problem> {
    let mut all: Vec<Told> = Vec::new();
    let mut filter = HistoryFilter::default();
    loop {
        let page = app.context.store.histories(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.after.clone_from(&last.checklist_id);
        all.extend(page.into_iter().map(|history| Told {
            course: Course::of(&history, now),
            country: history.country,
            workflow: history.workflow,
        }));
    }
    let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let of = |change: &ProcessChange| {
        let about =
            all.iter().filter(|told| fits(&change.country, &told.country) && fits(&change.workflow, &told.workflow));
        before_after(&about.map(|told| told.course).collect::<Vec<_>>(), change.changed_at)
    };
    Ok(changes.iter().map(of).collect())
}

fn view(change: ProcessChange, found: Option<&BeforeAfter>) -> ProcessChangeView {
    ProcessChangeView {
        id: change.id,
        changed_at: change.changed_at,
        title: change.title,
        country: change.country,
        workflow: change.workflow,
        noted_by: change.noted_by,
        noted_at: change.noted_at,
        before_after: found.map(BeforeAfterView::from),
    }
}

/// Note a process change
///
/// So that the retrospective compares what was opened before it with what was opened after it.
#[utoipa::path(
    post, path = "/sys/process-changes", tag = "retrospective",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = NoteProcessChange,
    responses(
        (status = 201, body = ProcessChangeView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn note(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<NoteProcessChange>,
) -> Result<Response, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    let new = new_change(&body)?;
    let content = serde_json::to_vec(&body).unwrap_or_default();
    key.once(&app, &caller, &content, |mut tx| async {
        let noted = tx.note_process_change(&new).await?;
        Ok((tx, Answer::json(StatusCode::CREATED, &view(noted, None))))
    })
    .await
}

fn new_change(body: &NoteProcessChange) -> Result<NewProcessChange, Problem> {
    let title = body.title.trim();
    if title.is_empty() || title.chars().count() > LONGEST {
        return Err(Problem::invalid("title", format!("`title` has 1 to {LONGEST} characters"))
            .hint("Say what was changed in a few words."));
    }
    // Years that the store can hold and a calendar can show.
    if !(1970..2200).contains(&body.changed_at.year()) {
        return Err(Problem::invalid("changed_at", "`changed_at` lies between 1970 and 2199"));
    }
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let country = given(&body.country).map(|country| country.to_ascii_uppercase());
    if country.as_ref().is_some_and(|country| country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase())) {
        return Err(Problem::invalid("country", "`country` is no ISO 3166-1 alpha-2 code").hint("Write it as SE."));
    }
    let workflow = given(&body.workflow);
    if workflow.as_ref().is_some_and(|workflow| workflow.chars().count() > LONGEST) {
        return Err(Problem::invalid("workflow", "`workflow` is no name of a workflow"));
    }
    Ok(NewProcessChange { changed_at: body.changed_at, title: title.to_owned(), country, workflow })
}

/// Remove a process change
///
/// From the list; the log keeps what was noted, and who removed it.
#[utoipa::path(
    delete, path = "/sys/process-changes/{change_id}", tag = "retrospective",
    params(("change_id" = String, Path, description = "Id of the process change")),
    responses(
        (status = 204, description = "It is off the list"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(change_id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    problem::once_more(|| async {
        let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
        tx.remove_process_change(&change_id).await?;
        tx.commit().await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(title: &str, changed_at: &str, country: &str) -> NoteProcessChange {
        NoteProcessChange {
            title: title.to_owned(),
            changed_at: changed_at.parse().expect("a time"),
            country: Some(country.to_owned()),
            workflow: None,
        }
    }

    #[test]
    fn what_cannot_be_noted_says_why() {
        for (title, changed_at, country, code) in [
            (" ", "2026-01-01T00:00:00Z", "SE", "title"),
            ("Template", "1969-12-31T23:59:59Z", "SE", "changed_at"),
            ("Template", "9999-01-01T00:00:00Z", "SE", "changed_at"),
            ("Template", "2026-01-01T00:00:00Z", "Sweden", "country"),
        ] {
            assert_eq!(new_change(&body(title, changed_at, country)).expect_err("it is refused").code, code);
        }
        let new = new_change(&body(" Import template ", "2026-01-01T00:00:00Z", "se")).expect("it can be noted");
        assert_eq!((new.title.as_str(), new.country.as_deref()), ("Import template", Some("SE")));
    }
}
