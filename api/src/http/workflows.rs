//! Workflows over HTTP.

use axum::extract::State;

use super::App;
use super::access::{Caller, Capability};
use super::problem::Problem;
use super::wire::{WorkflowList, WorkflowView};

/// List workflows
///
/// The version of each that new onboardings run on.
#[utoipa::path(
    get, path = "/sys/workflows", tag = "workflows",
    responses(
        (status = 200, body = WorkflowList),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<WorkflowList>, Problem> {
    caller.require(Capability::Read)?;
    let definitions = app.definitions.load();
    let items = definitions
        .workflows
        .iter()
        .map(|loaded| WorkflowView {
            name: loaded.definition.name.clone(),
            version: loaded.definition.version,
            title: loaded.definition.title.clone(),
            content_hash: loaded.content_hash.clone(),
            steps: loaded.definition.steps.iter().map(|step| step.id.clone()).collect(),
            probes: loaded.definition.probes.clone(),
        })
        .collect();
    Ok(axum::Json(WorkflowList { items }))
}
