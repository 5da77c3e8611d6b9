//! The course: starting it, looking at progress, and what learner and mentor do to it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::Utc;
use workbench_engine::course::{Course, CourseCommand, Learner, Proof, missing};
use workbench_engine::log::{Actor, Entry};
use workbench_engine::store::StoredLearner;

use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::{self, Problem};
use super::wire::{
    ChapterView, CheckpointView, CourseCommandBody, LearnerView, LearnersView, ProgressView, ScenarioView, SignOffView,
    StartCourseBody, TaskView,
};
use super::{App, bounds, nul};
use crate::manual::manual;

/// Learners listed at most.
const LISTED: i64 = 200;

/// Start the course
///
/// For whoever asks. The answer names the tenant whose events are looked at.
#[utoipa::path(
    post, path = "/sys/course/learners", tag = "course",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer")),
    request_body = StartCourseBody,
    responses(
        (status = 201, body = ProgressView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn start(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody<StartCourseBody>,
) -> Result<Response, Problem> {
    begin(&app, &caller, &key, body).await
}

/// Starts the course, for API and console.
pub async fn begin(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    body: StartCourseBody,
) -> Result<Response, Problem> {
    caller.require(Capability::OnboardingWrite)?;
    bounds::refuse_long(&[("mentor", body.mentor.as_deref(), bounds::NAME)])?;
    let mentor = body.mentor.filter(|mentor| !mentor.trim().is_empty());
    let content = mentor.clone().unwrap_or_default();
    let mentor = &mentor;
    key.once(app, caller, content.as_bytes(), |mut tx| async move {
        let learner = tx.start_course(mentor.clone()).await?;
        let stored = StoredLearner { learner, autonomous: false };
        let view = view(&stored, &Missing::all(&manual().course), "en");
        Ok((tx, Answer::json(StatusCode::CREATED, &view)))
    })
    .await
}

/// List the learners
///
/// For mentors. Each as their progress was last looked at.
#[utoipa::path(
    get, path = "/sys/course/learners", tag = "course",
    responses(
        (status = 200, body = LearnersView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<LearnersView>, Problem> {
    Ok(axum::Json(learners(&app, &caller).await?))
}

/// The learners, for API and console.
pub async fn learners(app: &App, caller: &Caller) -> Result<LearnersView, Problem> {
    caller.require(Capability::CourseSign)?;
    let (course, now) = (&manual().course, Utc::now());
    let item = |stored: StoredLearner| LearnerView {
        day: stored.learner.day(now),
        tasks: course.tasks.iter().filter(|task| stored.learner.counts(task)).count(),
        checkpoints: course.checkpoints.iter().filter(|one| stored.learner.signed(&one.id).is_some()).count(),
        autonomous: stored.autonomous,
        mentor: stored.learner.mentor,
        learner: stored.learner.name,
    };
    Ok(LearnersView { items: app.context.store.learners(LISTED).await?.into_iter().map(item).collect() })
}

/// Show a learner's progress
///
/// For the learner and for mentors. What the log shows by now is ticked.
#[utoipa::path(
    get, path = "/sys/course/learners/{learner}", tag = "course",
    params(("learner" = String, Path, description = "The learner's name in the audit")),
    responses(
        (status = 200, body = ProgressView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(learner): Path<String>,
) -> Result<axum::Json<ProgressView>, Problem> {
    Ok(axum::Json(progress(&app, &caller, &learner, "en").await?))
}

/// A learner's progress, for API and console, in a language.
pub async fn progress(app: &App, caller: &Caller, learner: &str, language: &str) -> Result<ProgressView, Problem> {
    if caller.actor.id != learner {
        caller.require(Capability::CourseSign)?;
    }
    let (stored, missing) = observe(app, learner).await?;
    Ok(view(&stored, &missing, language))
}

/// Change a learner's progress
///
/// The learner ticks tasks by hand and renews the sandbox; a mentor, who is never the learner, draws scenarios, signs
/// checkpoints, takes signatures back and decides about autonomy.
#[utoipa::path(
    post, path = "/sys/course/learners/{learner}/commands", tag = "course",
    params(
        ("learner" = String, Path, description = "The learner's name in the audit"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = CourseCommandBody,
    responses(
        (status = 200, body = ProgressView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn command(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path(learner): Path<String>,
    JsonBody(body): JsonBody<CourseCommandBody>,
) -> Result<Response, Problem> {
    carry_out(&app, &caller, &key, &learner, body).await
}

/// Carries a command out, for API and console.
pub async fn carry_out(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    learner: &str,
    body: CourseCommandBody,
) -> Result<Response, Problem> {
    if caller.actor.id != learner {
        caller.require(Capability::CourseSign)?;
    }
    let content = serde_json::to_vec(&body).unwrap_or_default();
    let command = match body {
        CourseCommandBody::Declare { task } => CourseCommand::Declare { task },
        CourseCommandBody::Withdraw { task } => CourseCommand::Withdraw { task },
        CourseCommandBody::RenewSandbox => CourseCommand::RenewSandbox,
        CourseCommandBody::Draw => CourseCommand::Draw { head: app.context.store.head_seq().await? },
        CourseCommandBody::SignOff { checkpoint, remark } => {
            checked("remark", &remark)?;
            CourseCommand::SignOff { checkpoint, remark }
        }
        CourseCommandBody::Revoke { checkpoint, reason } => {
            checked("reason", &reason)?;
            CourseCommand::Revoke { checkpoint, reason }
        }
        CourseCommandBody::Decide { autonomous, reason } => {
            checked("reason", &reason)?;
            CourseCommand::Decide { autonomous, reason }
        }
    };
    // A signature rests on what the log shows by now.
    let (_, missing) = observe(app, learner).await?;
    let (command, missing) = (&command, &missing);
    let mentor = caller.role.allows(Capability::CourseSign);
    key.once(app, caller, &content, |mut tx| async move {
        let stored = tx.course_command(&manual().course, learner, command, mentor).await?;
        let view = view(&stored, missing, "en");
        Ok((tx, Answer::json(StatusCode::OK, &view)))
    })
    .await
}

fn checked(field: &str, text: &str) -> Result<(), Problem> {
    nul::refuse_in_text(field, text)?;
    bounds::refuse_long(&[(field, Some(text), bounds::REASON)])
}

/// What proofs still miss.
struct Missing {
    /// For each task of the course.
    tasks: Vec<Vec<String>>,
    /// For the scenario that was drawn last.
    scenario: Vec<String>,
}

impl Missing {
    fn all(course: &Course) -> Self {
        let of = |proof: &[Proof]| proof.iter().map(|proof| proof.missing.clone()).collect();
        Self { tasks: course.tasks.iter().map(|task| of(&task.proof)).collect(), scenario: Vec::new() }
    }
}

/// Looks at what the learner's sandbox shows, and keeps what is new.
async fn observe(app: &App, name: &str) -> Result<(StoredLearner, Missing), Problem> {
    let (course, store) = (&manual().course, &app.context.store);
    let unknown = || Problem::not_found(format!("`{name}` has not started the course"));
    let stored = store.learner(name).await?.ok_or_else(unknown)?;
    let events = store.course_events(&stored.learner.sandbox_tenant(stored.learner.sandbox), 0).await?;
    let since = match stored.learner.scenarios.last().filter(|run| run.solved_at.is_none()) {
        Some(run) => store.course_events(&stored.learner.sandbox_tenant(run.sandbox), run.after).await?,
        None => Vec::new(),
    };
    let learner = stored.learner.clone();
    let looked = tokio::task::spawn_blocking(move || look(course, &learner, &events, &since)).await;
    let missing = looked.map_err(|error| {
        tracing::error!(%error, "the proofs of the course could not be looked at");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The daemon failed", "the daemon's log says why")
    })?;
    let shown = course.tasks.iter().zip(&missing.tasks).filter(|(task, missing)| {
        let known = stored.learner.ticks.get(&task.id).is_some_and(|tick| tick.verified);
        !task.proof.is_empty() && missing.is_empty() && !known
    });
    let tasks: Vec<String> = shown.map(|(task, _)| task.id.clone()).collect();
    let run = stored.learner.scenarios.last().filter(|run| run.solved_at.is_none());
    let solved = run.is_some_and(|run| course.scenario(&run.scenario).is_some()) && missing.scenario.is_empty();
    if tasks.is_empty() && !solved {
        return Ok((stored, missing));
    }
    let command = &CourseCommand::Observe { tasks, solved };
    let stored = problem::once_more(|| async {
        let mut tx = store.begin(&Actor::workbench(), Utc::now()).await?;
        let stored = tx.course_command(course, name, command, false).await?;
        tx.commit().await?;
        Ok(stored)
    })
    .await?;
    Ok((stored, missing))
}

fn look(course: &Course, learner: &Learner, events: &[Entry], since: &[Entry]) -> Missing {
    let now = Utc::now();
    // What was shown once is not looked for again.
    let asked = |task: &workbench_engine::course::Task| !learner.ticks.get(&task.id).is_some_and(|tick| tick.verified);
    let proofs: Vec<&[Proof]> =
        course.tasks.iter().map(|task| if asked(task) { task.proof.as_slice() } else { &[] }).collect();
    let run = learner.scenarios.last().filter(|run| run.solved_at.is_none());
    let scenario = run.and_then(|run| course.scenario(&run.scenario));
    let scenario = scenario.map(|scenario| missing(&[&scenario.proof], since, &learner.name, now).concat());
    Missing { tasks: missing(&proofs, events, &learner.name, now), scenario: scenario.unwrap_or_default() }
}

fn view(stored: &StoredLearner, missing: &Missing, language: &str) -> ProgressView {
    let (course, learner) = (&manual().course, &stored.learner);
    let tasks = course.tasks.iter().zip(&missing.tasks).map(|(task, missing)| {
        let tick = learner.ticks.get(&task.id);
        let verified = tick.is_some_and(|tick| tick.verified);
        TaskView {
            id: task.id.clone(),
            chapter: task.chapter,
            title: task.title.of(language).to_owned(),
            summary: task.summary.of(language).to_owned(),
            minutes: task.minutes,
            state: tick.map_or("open", |_| if verified { "verified" } else { "self_declared" }).to_owned(),
            leaves_trace: !task.proof.is_empty(),
            at: tick.map(|tick| tick.at),
            missing: if verified { Vec::new() } else { missing.clone() },
            hints: task.hints.to_vec(),
        }
    });
    let done = |number: u32| course.tasks.iter().filter(|task| task.chapter == number && learner.counts(task)).count();
    let checkpoints = course.checkpoints.iter().map(|checkpoint| CheckpointView {
        id: checkpoint.id.clone(),
        day: checkpoint.day,
        title: checkpoint.title.of(language).to_owned(),
        in_the_way: learner.in_the_way(course, checkpoint),
        signed: learner.signed(&checkpoint.id).is_some(),
        sign_offs: learner
            .sign_offs
            .iter()
            .filter(|one| one.checkpoint == checkpoint.id)
            .map(|one| SignOffView {
                by: one.by.clone(),
                at: one.at,
                remark: one.remark.clone(),
                revoked_by: one.revoked_by.clone(),
                revoked_at: one.revoked_at,
                revocation_reason: one.revocation_reason.clone(),
            })
            .collect(),
    });
    let scenario = learner.scenarios.last().map(|run| ScenarioView {
        id: run.scenario.clone(),
        title: course
            .scenario(&run.scenario)
            .map_or_else(|| run.scenario.clone(), |one| one.title.of(language).to_owned()),
        drawn_at: run.at,
        solved_at: run.solved_at,
        missing: if run.solved_at.is_some() { Vec::new() } else { missing.scenario.clone() },
    });
    let decision = learner.decision.as_ref().map(|decision| {
        let what = if decision.autonomous { "autonomous" } else { "not autonomous" };
        format!("{what} by decision of {}: {}", decision.by, decision.reason)
    });
    ProgressView {
        learner: learner.name.clone(),
        mentor: learner.mentor.clone(),
        started_at: learner.started_at,
        day: learner.day(Utc::now()),
        sandbox: learner.sandbox_tenant(learner.sandbox),
        autonomous: stored.autonomous,
        decision,
        chapters: course
            .chapters
            .iter()
            .map(|chapter| ChapterView {
                number: chapter.number,
                slug: chapter.slug.clone(),
                title: chapter.title.of(language).to_owned(),
                from: chapter.from,
                to: chapter.to,
                done: done(chapter.number),
            })
            .collect(),
        tasks: tasks.collect(),
        checkpoints: checkpoints.collect(),
        scenario,
    }
}
