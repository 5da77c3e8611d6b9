//! The retrospective's page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use workbench_console as pages;
use workbench_engine::retrospective::report::{Cohort, Retrospective, StepFigures};

use super::{Asked, Visitor, failed, page};
use crate::http::problem::Problem;
use crate::http::retrospective::{RetrospectiveQuery, look_back};
use crate::http::{App, outlook, process_changes};

/// The verdict first, then what it rests on.
pub async fn show(State(app): State<App>, visitor: Visitor, Asked(query): Asked<RetrospectiveQuery>) -> Response {
    match view(&app, &visitor, &query).await {
        Ok(view) => page(pages::retrospective(&view), StatusCode::OK),
        Err(problem) => failed(&problem),
    }
}

async fn view(app: &App, visitor: &Visitor, query: &RetrospectiveQuery) -> Result<pages::RetrospectiveView, Problem> {
    let found = look_back(app, &query.question()?).await?;
    let mut comparisons: Vec<(String, String)> = found
        .comparisons
        .iter()
        .rev()
        .map(|pair| (format!("{} to {}", pair.before, pair.after), pair.verdict.words.clone()))
        .collect();
    let earlier = comparisons.split_off(comparisons.len().min(1));
    let changes = process_changes::compared(app).await?.into_iter().map(|change| pages::ProcessChangeLine {
        at: change.changed_at,
        title: change.title,
        words: change.before_after.map(|found| found.verdict.words).unwrap_or_default(),
    });
    Ok(pages::RetrospectiveView {
        verdict: comparisons.pop(),
        earlier,
        slips: slips(&found),
        cautions: found.cautions.clone(),
        changes: changes.collect(),
        forecasts: forecasts(app),
        group_by: query.group_by().to_owned(),
        date: query.date().to_owned(),
        cohorts: found.cohorts.iter().map(cohort).collect(),
        in_flight: found.in_flight,
        learning: visitor.learning,
        actor: visitor.caller.actor.id.clone(),
        csrf: visitor.csrf.clone(),
    })
}

fn cohort(cohort: &Cohort) -> pages::CohortLine {
    pages::CohortLine {
        cohort: cohort.cohort.clone(),
        completed: cohort.completed,
        total_median: cohort.total_days.median,
        interval: cohort.total_days.median_interval,
        go_live_median: cohort.time_to_go_live.median,
        longest_step: cohort.longest_step.clone(),
        in_flight: cohort.in_flight,
        steps: cohort.steps.iter().map(step).collect(),
        tenants: cohort.tenants.clone(),
    }
}

fn step(figures: &StepFigures) -> pages::StepFiguresLine {
    pages::StepFiguresLine {
        step: figures.step.clone(),
        n: figures.days.n,
        median: figures.days.median,
        active_median: figures.active_days.median,
        blocked_days: figures.blocked_days,
        longest_in: figures.longest_in,
    }
}

/// What slips in the latest cohort, as question and answer.
fn slips(found: &Retrospective) -> Vec<(String, String)> {
    let Some(slips) = found.cohorts.last().map(|cohort| &cohort.slips) else { return Vec::new() };
    let mut lines = Vec::new();
    if let Some(longest) = &slips.longest_median {
        let answer = format!("{}, {:.1} days, n = {}", pages::words(&longest.step), longest.median, longest.n);
        lines.push(("Longest median".to_owned(), answer));
    }
    if let Some(often) = &slips.most_often_longest {
        let steps: Vec<String> = often.steps.iter().map(|step| pages::words(step)).collect();
        let answer = format!("{}, in {} of {}", steps.join(" and "), often.onboardings, often.of);
        lines.push(("Most often the longest".to_owned(), answer));
    }
    if let Some(grew) = &slips.grew_most {
        lines.push(("Grew most".to_owned(), format!("{}: {}", pages::words(&grew.step), grew.verdict.words)));
    }
    lines
}

/// How past forecasts did, in a sentence per workflow.
fn forecasts(app: &App) -> Vec<String> {
    let told = outlook::tested_by_now(app).into_iter().filter_map(|item| {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        Some(format!(
            "Of {} past forecasts for {}, {} were live by their 50 % date and {} by their 85 % date; by a plain mean, {}.",
            item.forecasts,
            item.workflow,
            percent(item.live_by_p50?),
            percent(item.live_by_p85?),
            percent(item.live_by_mean?),
        ))
    });
    told.collect()
}
