//! The retrospective over HTTP.

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use workbench_engine::checklist::StepStatus;
use workbench_engine::retrospective::{Durations, GroupBy, Onboarding, Retrospective, StepSpan, retrospective};
use workbench_engine::store::DashboardRow;

use super::App;
use super::access::{Caller, Capability};
use super::problem::Problem;
use super::query::bad_query;

/// How to form cohorts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RetrospectiveQuery {
    /// `quarter` (default), `month`, `country`, `workflow`, `kind`, or several of these with commas.
    group_by: Option<String>,
}

/// How long onboardings took, by cohort.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetrospectiveView {
    /// In order of their name.
    pub cohorts: Vec<CohortView>,
    /// Onboardings still open, which are in no cohort.
    pub in_flight: usize,
}

/// Onboardings that belong together.
#[derive(Debug, Serialize, ToSchema)]
pub struct CohortView {
    /// `2026-Q4`, `SE`, or several of these joined by ` / `.
    pub cohort: String,
    /// Completed onboardings.
    pub completed: usize,
    /// Opening to completion.
    pub total_days: DurationsView,
    /// Opening to go-live.
    pub time_to_go_live: DurationsView,
    /// Started to completed, per step. Step medians do not add up to the total.
    pub steps: Vec<StepDurationsView>,
    /// The step with the longest median.
    pub longest_step: Option<String>,
    /// Whose onboardings these are.
    pub tenants: Vec<String>,
}

/// One step over a cohort.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepDurationsView {
    /// Step id.
    pub step: String,
    /// Elapsed days.
    pub days: DurationsView,
}

/// Order statistics of durations, in days.
#[derive(Debug, Serialize, ToSchema)]
pub struct DurationsView {
    /// How many durations.
    pub n: usize,
    /// The median.
    pub median: Option<f64>,
    /// First quartile, from n = 4.
    pub p25: Option<f64>,
    /// Third quartile, from n = 4.
    pub p75: Option<f64>,
    /// Exact 95 % interval of the median; none below n = 6.
    pub median_interval: Option<Vec<f64>>,
}

/// Look back
///
/// How long completed onboardings took, by cohort.
#[utoipa::path(
    get, path = "/sys/onboarding/retrospective", tag = "retrospective", params(RetrospectiveQuery),
    responses(
        (status = 200, body = RetrospectiveView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<RetrospectiveQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<RetrospectiveView>, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let group_by = query
        .group_by
        .as_deref()
        .unwrap_or("quarter")
        .split(',')
        .map(|part| part.trim().parse().map_err(|error: String| Problem::invalid("group_by", error)))
        .collect::<Result<Vec<GroupBy>, _>>()?;
    let found = compute(&app, &group_by).await?;
    Ok(axum::Json(RetrospectiveView {
        in_flight: found.in_flight,
        cohorts: found
            .cohorts
            .into_iter()
            .map(|cohort| CohortView {
                cohort: cohort.cohort,
                completed: cohort.completed,
                total_days: durations(&cohort.total_days),
                time_to_go_live: durations(&cohort.time_to_go_live),
                steps: cohort
                    .steps
                    .into_iter()
                    .map(|step| StepDurationsView { days: durations(&step.days), step: step.step })
                    .collect(),
                longest_step: cohort.longest_step,
                tenants: cohort.tenants,
            })
            .collect(),
    }))
}

/// The retrospective over everything that is stored, for API and console.
pub async fn compute(app: &App, group_by: &[GroupBy]) -> Result<Retrospective, Problem> {
    let rows = app.context.store.onboardings_for_retrospective().await?;
    let onboardings: Vec<Onboarding> = rows.into_iter().map(onboarding).collect();
    Ok(retrospective(&onboardings, group_by))
}

fn onboarding(row: DashboardRow) -> Onboarding {
    let steps = row
        .steps
        .into_iter()
        // A skipped step took nobody's time.
        .filter(|step| step.status == StepStatus::Done)
        .filter_map(|step| {
            Some(StepSpan { step: step.id, started_at: step.started_at?, completed_at: step.completed_at? })
        })
        .collect();
    Onboarding {
        tenant_id: row.tenant_id,
        country: row.country,
        workflow: row.workflow,
        kind: row.kind,
        opened_at: row.opened_at,
        live_at: row.live_at,
        completed_at: row.completed_at,
        steps,
    }
}

fn durations(durations: &Durations) -> DurationsView {
    DurationsView {
        n: durations.n,
        median: durations.median,
        p25: durations.p25,
        p75: durations.p75,
        median_interval: durations.median_interval.map(|(low, high)| vec![low, high]),
    }
}
