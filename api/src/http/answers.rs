//! From what is stored to what travels.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use workbench_engine::checklist::{Checklist, Step};
use workbench_engine::definition::{Definition, StepKind};
use workbench_engine::import::ImportState;
use workbench_engine::job::{Job, JobKind};
use workbench_engine::log::Entry;
use workbench_engine::retrospective::forecast::Forecast;
use workbench_engine::store::{Attempt, DashboardRow, Difference, HealthCheck, Import, ProbeRow, StoredIssue, Tenant};

use super::wire;

/// Calendar days between two moments in a zone.
pub fn calendar_days(from: DateTime<Utc>, to: DateTime<Utc>, zone: &str) -> i64 {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    (to.with_timezone(&zone).date_naive() - from.with_timezone(&zone).date_naive()).num_days()
}

fn status(completed_at: Option<DateTime<Utc>>) -> String {
    if completed_at.is_some() { "completed" } else { "active" }.to_owned()
}

fn open_steps(steps: &[Step]) -> Vec<String> {
    steps.iter().filter(|step| !step.status.is_closed()).map(|step| step.id.clone()).collect()
}

pub fn tenant(tenant: Tenant) -> wire::TenantView {
    wire::TenantView {
        id: tenant.id,
        name: tenant.name,
        country: tenant.country,
        kind: tenant.kind,
        time_zone: tenant.time_zone,
        language: tenant.language,
        hierarchy_depth: tenant.hierarchy_depth,
        platform_url: tenant.platform_url,
        first_member_at: tenant.first_member_at,
        first_transaction_at: tenant.first_transaction_at,
        live_at: tenant.live_at,
    }
}

pub fn step(step: &Step, definition: &Definition) -> wire::StepView {
    let defined = definition.step(&step.id);
    wire::StepView {
        id: step.id.clone(),
        title: defined.map_or_else(|| step.id.clone(), |defined| defined.title.clone()),
        kind: match defined.map(|defined| defined.kind).unwrap_or_default() {
            StepKind::Manual => "manual",
            StepKind::Job => "job",
            StepKind::Gate => "gate",
            StepKind::Timer => "timer",
        }
        .to_owned(),
        needs: defined.map(|defined| defined.needs.clone()).unwrap_or_default(),
        status: step.status.to_string(),
        assignee: step.assignee.clone(),
        blocking_reason: step.blocking_reason.clone(),
        due_at: step.due_at,
        started_at: step.started_at,
        completed_at: step.completed_at,
        attempts: step.attempts,
        revision: step.revision,
    }
}

pub fn onboarding(checklist: &Checklist, definition: &Definition, of: Tenant, now: DateTime<Utc>) -> wire::Onboarding {
    wire::Onboarding {
        tenant_id: checklist.tenant_id.clone(),
        checklist_id: checklist.id.clone(),
        ordinal: checklist.ordinal,
        status: status(checklist.completed_at),
        workflow: checklist.workflow.clone(),
        version: checklist.version,
        opened_at: checklist.opened_at,
        target_go_live: checklist.target_go_live,
        completed_at: checklist.completed_at,
        first_completed_at: checklist.first_completed_at,
        days_open: calendar_days(checklist.opened_at, checklist.completed_at.unwrap_or(now), &of.time_zone),
        current_step: checklist.current_step().map(|step| step.id.clone()),
        open_steps: open_steps(&checklist.steps),
        revision: checklist.revision,
        steps: checklist.steps.iter().map(|one| step(one, definition)).collect(),
        tenant: tenant(of),
    }
}

pub fn dashboard_item(row: DashboardRow, forecast: Option<&Forecast>, now: DateTime<Utc>) -> wire::DashboardItem {
    let open = || row.steps.iter().filter(|step| !step.status.is_closed());
    let current = open().next();
    let next_due = open().filter_map(|step| step.due_at).min();
    let overdue = next_due.is_some_and(|due| due < now) || row.target_go_live < now;
    let too_late = forecast.is_some_and(|forecast| row.target_go_live < forecast.p50);
    wire::DashboardItem {
        status: status(row.completed_at),
        days_open: calendar_days(row.opened_at, row.completed_at.unwrap_or(now), &row.time_zone),
        current_step: current.map(|step| step.id.clone()),
        open_steps: open_steps(&row.steps),
        assignee: current.and_then(|step| step.assignee.clone()),
        blocking_reason: current.and_then(|step| step.blocking_reason.clone()),
        next_due,
        at_risk: row.completed_at.is_none() && (overdue || too_late),
        forecast: forecast.map(|forecast| wire::ForecastView {
            p50: forecast.p50,
            p85: forecast.p85,
            rests_on: forecast.rests_on,
        }),
        tenant_id: row.tenant_id,
        name: row.name,
        country: row.country,
        kind: row.kind,
        checklist_id: row.checklist_id,
        workflow: row.workflow,
        version: row.version,
        opened_at: row.opened_at,
        target_go_live: row.target_go_live,
        completed_at: row.completed_at,
        live_at: row.live_at,
        health: row.health,
    }
}

pub fn import(import: Import, groups: Vec<(String, String, i64)>, job: Option<Job>) -> wire::ImportView {
    let counts = import.counts;
    // Whoever writes has a job of the kind that does; one that has none yet waits for its turn.
    let at_work = job.as_ref().is_some_and(|job| matches!(job.kind, JobKind::ImportLoad | JobKind::ImportRollback));
    wire::ImportView {
        waits: job.is_some() && import.state.writes() && !at_work,
        id: import.id,
        tenant_id: import.tenant_id,
        state: import.state.to_string(),
        mode: import.mode,
        format: import.format,
        entity: import.entity,
        profile: import.profile.map(|profile| profile.name),
        file_name: import.file_name,
        size: import.size,
        sha256: import.sha256,
        detected: import.detected,
        counts: wire::CountsView {
            rows_read: counts.rows_read,
            rows_valid: counts.rows_valid,
            rows_warned: counts.rows_warned,
            rows_rejected: counts.rows_rejected,
            records: counts.records,
            records_new: counts.records_new,
            records_changed: counts.records_changed,
            records_unchanged: counts.records_unchanged,
        },
        issues: groups.into_iter().map(|(severity, code, count)| wire::IssueGroup { severity, code, count }).collect(),
        preview_revision: import.preview_revision,
        sample: import.sample.unwrap_or_else(|| Value::Array(Vec::new())),
        progress: job.as_ref().map_or(wire::Progress { done: 0, total: None, unit: None }, progress),
        loaded: import.loaded,
        failure: import.failure,
        job_id: job.map(|job| job.id),
        uploaded_by: import.actor,
        created_at: import.created_at,
        previewed_at: import.previewed_at,
        expires_at: import.expires_at.filter(|_| import.state == ImportState::Preview),
        confirmed_at: import.confirmed_at,
        completed_at: import.completed_at,
        rolled_back_at: import.rolled_back_at,
        supersedes: import.supersedes,
        difference: import.difference.unwrap_or_default().into_iter().map(difference).collect(),
        superseded_by: import.superseded_by,
    }
}

fn difference(difference: Difference) -> wire::DifferenceView {
    wire::DifferenceView {
        code: difference.code,
        resolved: difference.resolved,
        remaining: difference.remaining,
        new: difference.new,
    }
}

/// How far a job is.
pub fn progress(job: &Job) -> wire::Progress {
    wire::Progress { done: job.done, total: job.total, unit: job.unit.clone() }
}

pub fn issue(issue: StoredIssue) -> wire::IssueView {
    let issue = issue.issue;
    wire::IssueView {
        row: issue.line,
        column: issue.column,
        value: issue.value,
        severity: issue.severity,
        code: issue.code,
        message: issue.message,
        hint: issue.hint,
    }
}

pub fn health_check(check: HealthCheck) -> wire::HealthCheckView {
    wire::HealthCheckView {
        id: check.id,
        job_id: check.job_id,
        tenant_id: check.tenant_id,
        status: match (check.aggregate, check.finished_at) {
            (Some(aggregate), _) => aggregate,
            (None, Some(_)) => "cancelled".to_owned(),
            (None, None) => "running".to_owned(),
        },
        checked_at: check.checked_at,
        finished_at: check.finished_at,
        requested_by: check.actor,
        created_at: check.created_at,
        probes: check.probes.into_iter().map(probe).collect(),
    }
}

pub fn probe(probe: ProbeRow) -> wire::ProbeView {
    wire::ProbeView {
        probe: probe.probe,
        status: probe.status,
        message: probe.message,
        hint: probe.hint,
        started_at: probe.started_at,
        duration_ms: probe.duration_ms,
        attempts: probe.attempts,
        steps: probe.trace,
        measures: probe.measures,
        earlier_attempts: probe.earlier,
    }
}

pub fn job(job: Job, attempts: Option<Vec<Attempt>>) -> wire::JobView {
    wire::JobView {
        progress: progress(&job),
        id: job.id,
        kind: job.kind.to_string(),
        tenant_id: job.tenant_id,
        step_id: job.step_id,
        subject_id: job.subject_id,
        state: job.state.to_string(),
        attempt: job.attempt,
        max_attempts: job.max_attempts,
        run_at: job.run_at,
        lease_until: job.lease_until,
        worker: job.worker,
        last_error: job.last_error,
        requested_by: job.actor,
        created_at: job.created_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
        attempts: attempts.map(|all| {
            all.into_iter()
                .map(|attempt| wire::AttemptView {
                    attempt: attempt.attempt,
                    worker: attempt.worker,
                    started_at: attempt.started_at,
                    finished_at: attempt.finished_at,
                    outcome: attempt.outcome,
                    error: attempt.error,
                })
                .collect()
        }),
    }
}

pub fn event(entry: Entry) -> wire::EventView {
    wire::EventView {
        seq: entry.seq,
        at: entry.at,
        actor: entry.actor,
        acting_as: entry.acting_as,
        kind: entry.kind,
        tenant_id: entry.tenant_id,
        checklist_id: entry.checklist_id,
        payload: entry.payload,
        hash: entry.hash,
    }
}

/// What an event says besides its kind, for people: which step or file, who, and why.
#[must_use]
pub fn particulars(payload: &Value) -> String {
    let said = ["step", "job_kind", "file_name", "aggregate", "assignee", "waiver", "reason", "note", "error"];
    let said = said.iter().filter_map(|key| payload.get(key).and_then(Value::as_str));
    said.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_in_the_tenants_zone() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        // 23:30 in Stockholm, then 00:30 of the next day there: one day, though only an hour has passed.
        assert_eq!(calendar_days(at("2026-06-01T21:30:00Z"), at("2026-06-01T22:30:00Z"), "Europe/Stockholm"), 1);
        assert_eq!(calendar_days(at("2026-06-01T21:30:00Z"), at("2026-06-01T22:30:00Z"), "UTC"), 0);
    }
}
