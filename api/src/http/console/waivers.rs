//! The forms of waivers on a checklist's page.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use workbench_console as pages;
use workbench_engine::checklist::is_same_person;

use super::{Filled, Visitor, failed, show_checklist};
use crate::http::problem::Problem;
use crate::http::wire::{WaiverBody, WaiverView};
use crate::http::{App, nul, waivers};

#[derive(Debug, Deserialize)]
pub(super) struct ProposalForm {
    reason: String,
    days: u16,
    csrf: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActionForm {
    #[serde(default)]
    reason: String,
    csrf: String,
}

pub(super) async fn propose(
    State(app): State<App>,
    visitor: Visitor,
    Path((tenant_id, step_id)): Path<(String, String)>,
    Filled(form): Filled<ProposalForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    let proposed = async {
        nul::refuse_in_text("reason", &form.reason)?;
        let expires_at = Utc::now() + TimeDelta::days(form.days.into());
        let body = WaiverBody { probes: Vec::new(), reason: form.reason, expires_at };
        let (command, _) = waivers::proposal(&visitor.caller, &step_id, body)?;
        waivers::apply(&app, &visitor.caller, &tenant_id, &command).await
    };
    let ended = proposed.await;
    back(&app, &visitor, &tenant_id, ended).await
}

pub(super) async fn act(
    State(app): State<App>,
    visitor: Visitor,
    Path((tenant_id, step_id, waiver_id, action)): Path<(String, String, String, String)>,
    Filled(form): Filled<ActionForm>,
) -> Response {
    if let Err(refused) = visitor.prove(&form.csrf) {
        return refused;
    }
    let acted = async {
        nul::refuse_in_text("reason", &form.reason)?;
        let command = match action.as_str() {
            "grant" => waivers::approval(&visitor.caller, &step_id, &waiver_id)?,
            "withdraw" => waivers::withdrawal(&visitor.caller, &step_id, &waiver_id, form.reason)?,
            _ => return Err(Problem::not_found("there is no such action")),
        };
        waivers::apply(&app, &visitor.caller, &tenant_id, &command).await
    };
    let ended = acted.await;
    back(&app, &visitor, &tenant_id, ended).await
}

async fn back(app: &App, visitor: &Visitor, tenant_id: &str, ended: Result<(), Problem>) -> Response {
    match ended {
        Ok(()) => Redirect::to(&format!("/onboarding/{tenant_id}")).into_response(),
        Err(problem) if problem.status == 404 => failed(&problem),
        Err(problem) => show_checklist(app, visitor, tenant_id, Some(problem)).await,
    }
}

/// A tenant's waivers, as its page shows them.
pub(super) async fn lines(app: &App, tenant_id: &str, actor: &str) -> Result<Vec<pages::WaiverLine>, Problem> {
    Ok(waivers::of_tenant(app, tenant_id).await?.into_iter().map(|waiver| line(waiver, actor)).collect())
}

fn line(waiver: WaiverView, actor: &str) -> pages::WaiverLine {
    pages::WaiverLine {
        id: waiver.id,
        step: waiver.step_id,
        state: waiver.state,
        probes: waiver.probes,
        reason: waiver.reason,
        own: is_same_person(&waiver.proposed_by, actor),
        proposed_by: waiver.proposed_by,
        granted_by: waiver.granted_by,
        withdrawn: waiver.withdrawn_by.map(|by| (by, waiver.withdrawal_reason.unwrap_or_default())),
        expires_at: waiver.expires_at,
    }
}
