//! The tracker: one's own progress, and a mentor's learners.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use workbench_console as pages;
use workbench_engine::course::Course;

use super::help::Language;
use super::{Filled, Visitor, failed, page};
use crate::http::access::Capability;
use crate::http::idempotency::IdempotencyKey;
use crate::http::problem::Problem;
use crate::http::wire::{CheckpointView, CourseCommandBody, ProgressView, StartCourseBody, TaskView};
use crate::http::{App, course, nul};

const OWN: &str = "/onboarding-progress";

pub(super) async fn own(State(app): State<App>, visitor: Visitor, language: Language) -> Response {
    let name = visitor.caller.actor.id.clone();
    render(&app, &visitor, &name, language.0, None).await
}

pub(super) async fn of_learner(
    State(app): State<App>,
    visitor: Visitor,
    language: Language,
    Path(learner): Path<String>,
) -> Response {
    render(&app, &visitor, &learner, language.0, None).await
}

#[derive(Debug, Deserialize)]
pub(super) struct StartForm {
    csrf: String,
    mentor: String,
}

pub(super) async fn start(
    State(app): State<App>,
    visitor: Visitor,
    language: Language,
    key: IdempotencyKey,
    Filled(form): Filled<StartForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    let begun = async {
        nul::refuse_in_text("mentor", &form.mentor)?;
        course::begin(&app, &visitor.caller, &key, StartCourseBody { mentor: Some(form.mentor) }).await
    };
    let name = visitor.caller.actor.id.clone();
    match begun.await {
        Ok(_) => Redirect::to(OWN).into_response(),
        Err(problem) => render(&app, &visitor, &name, language.0, Some(problem)).await,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct CommandForm {
    csrf: String,
    #[serde(default)]
    text: String,
}

/// Whatever the page's buttons ask for; `subject` is the task or the checkpoint.
pub(super) async fn act(
    State(app): State<App>,
    visitor: Visitor,
    language: Language,
    key: IdempotencyKey,
    Path((learner, action, subject)): Path<(String, String, String)>,
    Filled(form): Filled<CommandForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    let text = form.text;
    let command = match action.as_str() {
        "declare" => CourseCommandBody::Declare { task: subject },
        "withdraw" => CourseCommandBody::Withdraw { task: subject },
        "renew-sandbox" => CourseCommandBody::RenewSandbox,
        "draw" => CourseCommandBody::Draw,
        "sign-off" => CourseCommandBody::SignOff { checkpoint: subject, remark: text },
        "revoke" => CourseCommandBody::Revoke { checkpoint: subject, reason: text },
        "autonomy" => CourseCommandBody::Decide { autonomous: true, reason: text },
        "end-autonomy" => CourseCommandBody::Decide { autonomous: false, reason: text },
        _ => return failed(&Problem::not_found("there is no such action")),
    };
    match course::carry_out(&app, &visitor.caller, &key, &learner, command).await {
        Ok(_) if learner == visitor.caller.actor.id => Redirect::to(OWN).into_response(),
        Ok(_) => {
            let name = utf8_percent_encode(&learner, NON_ALPHANUMERIC);
            Redirect::to(&format!("{OWN}/learners/{name}")).into_response()
        }
        Err(problem) => render(&app, &visitor, &learner, language.0, Some(problem)).await,
    }
}

pub(super) async fn learners(State(app): State<App>, visitor: Visitor) -> Response {
    let found = match course::learners(&app, &visitor.caller).await {
        Ok(found) => found,
        Err(problem) => return failed(&problem),
    };
    let mut rows: Vec<pages::LearnerLine> = found
        .items
        .into_iter()
        .map(|one| pages::LearnerLine {
            learner: one.learner,
            mentor: one.mentor,
            day: one.day,
            tasks: one.tasks,
            checkpoints: one.checkpoints,
            autonomous: one.autonomous,
        })
        .collect();
    rows.sort_by_key(|row| row.mentor.as_deref() != Some(&*visitor.caller.actor.id));
    let view =
        pages::LearnersPage { rows, learning: visitor.learning, actor: visitor.caller.actor.id, csrf: visitor.csrf };
    page(pages::learners(&view), StatusCode::OK)
}

/// The page of a learner's progress, with what a refused action said.
async fn render(app: &App, visitor: &Visitor, learner: &str, language: &str, refused: Option<Problem>) -> Response {
    let own = learner == visitor.caller.actor.id;
    let status = refused.as_ref().map_or(Ok(StatusCode::OK), |problem| StatusCode::from_u16(problem.status));
    let is_mentor = visitor.caller.role.allows(Capability::CourseSign);
    let bare = pages::CoursePage {
        learner: learner.to_owned(),
        own,
        may_sign: is_mentor && !own,
        is_mentor,
        days: Course::DAYS,
        notice: refused.map(|problem| match problem.hint {
            Some(hint) => format!("{}. {hint}", problem.detail),
            None => problem.detail,
        }),
        learning: visitor.learning,
        actor: visitor.caller.actor.id.clone(),
        csrf: visitor.csrf.clone(),
        ..pages::CoursePage::default()
    };
    let view = match course::progress(app, &visitor.caller, learner, language).await {
        Ok(found) => filled(bare, found),
        Err(problem) if own && problem.status == StatusCode::NOT_FOUND.as_u16() => bare,
        Err(problem) => return failed(&problem),
    };
    page(pages::course(&view), status.unwrap_or(StatusCode::CONFLICT))
}

fn filled(bare: pages::CoursePage, found: ProgressView) -> pages::CoursePage {
    let tasks_of = |number: u32| found.tasks.iter().filter(move |task| task.chapter == number).map(task_line).collect();
    let chapters = found
        .chapters
        .iter()
        .map(|chapter| pages::ChapterBlock {
            slug: chapter.slug.clone(),
            title: chapter.title.clone(),
            from: chapter.from,
            to: chapter.to,
            done: chapter.done,
            tasks: tasks_of(chapter.number),
        })
        .collect();
    pages::CoursePage {
        started: true,
        mentor: found.mentor,
        day: found.day,
        sandbox: found.sandbox,
        autonomous: found.autonomous,
        decision: found.decision,
        chapters,
        checkpoints: found.checkpoints.into_iter().map(checkpoint_line).collect(),
        scenario: found.scenario.map(|scenario| pages::ScenarioLine {
            id: scenario.id,
            title: scenario.title,
            drawn_at: scenario.drawn_at,
            solved_at: scenario.solved_at,
            missing: scenario.missing,
        }),
        ..bare
    }
}

fn task_line(task: &TaskView) -> pages::CourseTaskLine {
    pages::CourseTaskLine {
        id: task.id.clone(),
        title: task.title.clone(),
        summary: task.summary.clone(),
        minutes: task.minutes,
        state: task.state.clone(),
        leaves_trace: task.leaves_trace,
        at: task.at,
        missing: task.missing.clone(),
        hints: task.hints.clone(),
    }
}

fn checkpoint_line(checkpoint: CheckpointView) -> pages::CheckpointLine {
    let sign_offs = checkpoint.sign_offs.into_iter().map(|one| {
        let revoked = one.revoked_by.map(|by| format!("by {by}: {}", one.revocation_reason.unwrap_or_default()));
        (one.by, one.at, one.remark, revoked)
    });
    pages::CheckpointLine {
        id: checkpoint.id,
        day: checkpoint.day,
        title: checkpoint.title,
        in_the_way: checkpoint.in_the_way,
        signed: checkpoint.signed,
        sign_offs: sign_offs.collect(),
    }
}
