//! What people tell an import to do: map it otherwise, confirm it, cancel it, undo it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use chrono::TimeDelta;
use workbench_engine::store::{AskedMapping, Import};
use workbench_importer::{Detected, Entity};

use super::access::{Caller, Capability};
use super::body::JsonBody;
use super::idempotency::{Answer, IdempotencyKey};
use super::imports::surroundings;
use super::precondition::if_match;
use super::problem::Problem;
use super::wire::{ImportView, MappingBody, RollbackBody, columns_asked};
use super::{App, answers, bounds, imports};

/// A command about an import.
#[derive(Debug, Clone)]
pub enum Command {
    /// Read it again with another mapping, and as another entity where one is named.
    Map {
        /// Columns to fields, and what the first line is.
        mapping: AskedMapping,
        /// What the rows are.
        entity: Option<String>,
        /// Revisions of the preview that this was decided about; any where none.
        seen: Option<Vec<i64>>,
    },
    /// Store what the preview showed.
    Confirm {
        /// Revisions of the preview that this was decided about; any where none.
        seen: Option<Vec<i64>>,
    },
    /// Stop it.
    Cancel,
    /// Take back what it stored.
    RollBack {
        /// Why.
        reason: String,
    },
}

impl Command {
    /// Refuses what cannot be meant, whatever the import's state.
    fn check(&self, import: &Import) -> Result<(), Problem> {
        match self {
            Self::Map { mapping, entity, .. } => check_mapping(import, mapping, entity.as_deref()),
            Self::RollBack { reason } if reason.is_empty() => {
                Err(Problem::invalid("reason_required", "undoing an import needs a `reason`"))
            }
            Self::RollBack { reason } => bounds::refuse_long(&[("reason", Some(reason), bounds::REASON)]),
            Self::Confirm { .. } | Self::Cancel => Ok(()),
        }
    }

    /// What a repeated request must repeat: not the revision, which the first one may have raised.
    fn content(&self) -> String {
        match self {
            Self::Map { mapping, entity, .. } => format!("{mapping:?}\0{entity:?}"),
            Self::RollBack { reason } => reason.clone(),
            Self::Confirm { .. } | Self::Cancel => String::new(),
        }
    }
}

/// A mapping must fit the columns that were found. Of a file that was not read yet, its state says enough.
fn check_mapping(import: &Import, mapping: &AskedMapping, entity: Option<&str>) -> Result<(), Problem> {
    let named = entity.map(str::parse::<Entity>).transpose().map_err(|error| {
        Problem::invalid("unknown_entity", error.to_string())
            .hint("Use members, clubs, licences, transfers or rankings.")
    })?;
    if named == Some(Entity::Ledger) {
        return Err(Problem::invalid("unknown_entity", "a ledger is no table of rows")
            .hint("Use members, clubs, licences, transfers or rankings."));
    }
    let detected = import.detected.clone().and_then(|detected| serde_json::from_value::<Detected>(detected).ok());
    let Some(detected) = detected else { return Ok(()) };
    if import.profile.is_some() || detected.mapping.is_empty() || detected.format != workbench_importer::Format::Csv {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "mapping_fixed",
            "The file's columns cannot be mapped",
            "where each value of this file goes is said by its format or its profile",
        ));
    }
    let header = mapping.header.or(import.mapping.header);
    let stored = import.entity.as_deref().and_then(|entity| entity.parse().ok());
    detected
        .check_mapping(named.or(stored).unwrap_or(detected.entity), &mapping.columns, header)
        .map_err(|fault| Problem::invalid(fault.code, fault.message).hint(fault.hint))
}

/// Carries a command out: its key, its effect and its answer are one transaction. The one way for API and console.
pub async fn act(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    (tenant_id, import_id): (&str, &str),
    command: &Command,
) -> Result<Response, Problem> {
    caller.require(Capability::Import)?;
    // Of another tenant, there is none.
    app.context.store.import(tenant_id, import_id).await?;
    let (groups, job) = surroundings(app, import_id).await?;
    let window = TimeDelta::from_std(app.context.settings.rollback_window).unwrap_or(TimeDelta::MAX);
    key.once(app, caller, command.content().as_bytes(), |mut tx| async {
        // Not of a repeated request: the columns may be others since the first one. Nor of a stale one, for the same reason.
        let before = tx.import(import_id).await?;
        if let Command::Map { seen, .. } = command {
            before.must_be_seen(seen.as_deref())?;
        }
        command.check(&before)?;
        let (status, groups, job, job_id) = match command {
            Command::Map { mapping, entity, seen } => {
                let job_id = tx.map_again(import_id, mapping, entity.as_deref(), seen.as_deref()).await?;
                (StatusCode::ACCEPTED, Vec::new(), None, Some(job_id))
            }
            Command::Confirm { seen } => {
                let job_id = tx.confirm_import(import_id, seen.as_deref()).await?;
                (StatusCode::ACCEPTED, groups.clone(), None, job_id)
            }
            Command::Cancel => {
                tx.cancel_import(import_id).await?;
                (StatusCode::OK, groups.clone(), job.clone(), job.as_ref().map(|job| job.id.clone()))
            }
            Command::RollBack { reason } => {
                let job_id = tx.request_rollback(import_id, window, reason).await?;
                (StatusCode::ACCEPTED, groups.clone(), None, job_id)
            }
        };
        let mut view = answers::import(tx.import(import_id).await?, groups, job);
        view.job_id = job_id;
        Ok((tx, Answer::json(status, &view).header(header::ETAG, imports::tag(&view))))
    })
    .await
}

/// Map an import's columns otherwise
///
/// The file is read again with this mapping over what is detected, for a new preview; what the former one found is gone. The
/// import must wait for its confirmation, or have failed with `columns_missing`, `header_missing` or `mapping_invalid`. It
/// then waits for a confirmation, even if it was uploaded to be applied by itself. `If-Match` says which preview the mapping is
/// meant to mend.
#[utoipa::path(
    put, path = "/sys/onboarding/{tenant_id}/imports/{import_id}/mapping", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
        ("If-Match" = Option<String>, Header, description = "Tag of the import as it was looked at"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = MappingBody,
    responses(
        (status = 202, body = ImportView, headers(("ETag" = String, description = "Revision of the preview"))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 412, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn map(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((tenant_id, import_id)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<MappingBody>,
) -> Result<Response, Problem> {
    let mapping = AskedMapping { columns: columns_asked(body.mapping), header: body.header };
    let command = Command::Map { mapping, entity: body.entity, seen: if_match(&headers)? };
    act(&app, &caller, &key, (&tenant_id, &import_id), &command).await
}

/// Confirm an import
///
/// The preview was seen; its records are to be stored. Confirming twice is confirming once. `If-Match` says which preview was
/// seen: where somebody had the file mapped otherwise since, nothing is confirmed.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/imports/{import_id}/confirm", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
        ("If-Match" = Option<String>, Header, description = "Tag of the import as it was looked at"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    responses(
        (status = 202, body = ImportView, headers(("ETag" = String, description = "Revision of the preview"))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 412, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn confirm(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((tenant_id, import_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let command = Command::Confirm { seen: if_match(&headers)? };
    act(&app, &caller, &key, (&tenant_id, &import_id), &command).await
}

/// Undo an import
///
/// A completed import's records are taken back, in a job: what it changed is as it was before, what it made is gone.
/// Refused where a later import builds on it, and after some days. Asking twice is asking once.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/imports/{import_id}/rollback", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    request_body = RollbackBody,
    responses(
        (status = 202, body = ImportView, headers(("ETag" = String, description = "Revision of the preview"))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn roll_back(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((tenant_id, import_id)): Path<(String, String)>,
    JsonBody(body): JsonBody<RollbackBody>,
) -> Result<Response, Problem> {
    let command = Command::RollBack { reason: body.reason.trim().to_owned() };
    act(&app, &caller, &key, (&tenant_id, &import_id), &command).await
}

/// Cancel an import
///
/// Possible until it is stored whole. What was stored of it by then stays.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/imports/{import_id}/cancel", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request with the same key repeats the first answer"),
    ),
    responses(
        (status = 200, body = ImportView, headers(("ETag" = String, description = "Revision of the preview"))),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path((tenant_id, import_id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    act(&app, &caller, &key, (&tenant_id, &import_id), &Command::Cancel).await
}
