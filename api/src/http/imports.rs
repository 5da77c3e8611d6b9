//! Uploads and what becomes of them.

use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, Multipart, OriginalUri, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use ulid::Ulid;
use utoipa::IntoParams;
use workbench_engine::job::Job;
use workbench_engine::store::{AskedMapping, Import, IssueFilter, JobFilter, NewImport, PinnedProfile, StoreError};
use workbench_importer::{Entity, Format};
use workbench_jobs::{ObjectError, Stored, UPLOADS};

use super::access::{Caller, Capability};
use super::idempotency::{Answer, IdempotencyKey};
use super::problem::{Problem, suggestion};
use super::query::bad_query;
use super::wire::{ImportPage, ImportView, IssuePage, UploadForm, columns_asked};
use super::{App, answers, cursor, nul};

/// Longest text field of an upload.
const FIELD_LIMIT: usize = 64 * 1024;

/// What an upload says.
#[derive(Debug, Default)]
pub struct Fields {
    file: Option<(Stored, Option<String>)>,
    format: Option<String>,
    entity: Option<String>,
    mapping: AskedMapping,
    profile: Option<String>,
    mode: Option<String>,
    /// The earlier import that it corrects.
    pub supersedes: Option<String>,
}

/// Upload a file
///
/// The file is read for a preview; nothing is stored in the tenant's data before the import is confirmed.
#[utoipa::path(
    post, path = "/sys/onboarding/{tenant_id}/imports", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the upload with the same key repeats the first answer"),
    ),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, body = ImportView, headers(
            ("Location" = String, description = "Address of the import"),
            ("ETag" = String, description = "Revision of the preview"),
        )),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn upload(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    OriginalUri(uri): OriginalUri,
    Path(tenant_id): Path<String>,
    multipart: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Import)?;
    app.context.store.tenant(&tenant_id).await?;
    let mut multipart = multipart.map_err(|rejection| {
        // Whatever is wrong with the declaration, the content is not of the one type that is taken here.
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", "The body is no upload", rejection.body_text())
            .hint("Send `multipart/form-data` with a field `file`.")
    })?;
    let mut fields = Fields::default();
    take_in(&app, &caller, &key, (&tenant_id, uri.path()), &mut multipart, &mut fields).await
}

/// Reads an upload's fields, its file in a stream, and stores what it asks for. `address` is that of the tenant's imports.
/// What was read of the fields is there in the case of a refusal, too.
pub async fn take_in(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    (tenant_id, address): (&str, &str),
    multipart: &mut Multipart,
    fields: &mut Fields,
) -> Result<Response, Problem> {
    let id = format!("imp_{}", Ulid::new());
    let read = receive(app, &id, multipart, fields).await;
    let checked = match read {
        Ok(()) => declare(app, tenant_id, &id, fields),
        Err(problem) => Err(problem),
    };
    let mut committing = false;
    let answer = match checked {
        Ok(new) => store(app, caller, key, &new, address, &mut committing).await,
        Err(problem) => Err(problem),
    };
    // Whoever does not become an import leaves no file behind. A replayed answer names the first upload's import.
    // After a commit that failed nobody knows whether there is an import: then the file stays.
    if let (false, Some((stored, _))) = (committing, &fields.file)
        && let Err(error) = app.context.objects.remove(&stored.key).await
    {
        tracing::warn!(%error, "an upload that was not kept could not be removed");
    }
    answer
}

async fn receive(app: &App, id: &str, multipart: &mut Multipart, fields: &mut Fields) -> Result<(), Problem> {
    let unreadable = |error: axum::extract::multipart::MultipartError| {
        Problem::new(error.status(), "multipart", "The upload cannot be read", error.body_text())
    };
    while let Some(field) = multipart.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if fields.file.is_some() => {
                return Err(Problem::invalid("second_file", "the upload has more than one `file`"));
            }
            "file" => {
                let file_name = field.file_name().map(str::to_owned);
                nul::refuse_in_text("file name", file_name.as_deref().unwrap_or_default())?;
                let stored = app
                    .context
                    .objects
                    .put(&format!("{UPLOADS}/{id}"), app.upload_limit, field)
                    .await
                    .map_err(|error| unstored(&error))?;
                fields.file = Some((stored, file_name));
            }
            "format" => fields.format = Some(text(field).await?),
            "entity" => fields.entity = Some(text(field).await?).filter(|entity| !entity.is_empty()),
            "profile" => fields.profile = Some(text(field).await?).filter(|profile| !profile.is_empty()),
            "mode" => fields.mode = Some(text(field).await?),
            "supersedes" => fields.supersedes = Some(text(field).await?).filter(|id| !id.is_empty()),
            "mapping" => {
                let asked = serde_json::from_str(&text(field).await?).map_err(|error| {
                    Problem::invalid("mapping", format!("`mapping` is no JSON object of texts: {error}"))
                        .hint(r#"Use {"column of the file": "field"}; null for a field leaves the column out."#)
                })?;
                fields.mapping.columns = columns_asked(asked);
                for (column, field) in &fields.mapping.columns {
                    nul::refuse_in_text("mapping", column)?;
                    nul::refuse_in_text("mapping", field)?;
                }
            }
            "header" => fields.mapping.header = header_field(&text(field).await?)?,
            other => {
                let problem = Problem::invalid("unknown_field", format!("the upload has an unknown field `{other}`"));
                let known = ["file", "format", "entity", "profile", "mapping", "header", "mode", "supersedes"];
                return Err(problem.hint(suggestion(other, &known)));
            }
        }
    }
    Ok(())
}

/// What an upload says about its first line.
fn header_field(text: &str) -> Result<Option<bool>, Problem> {
    match text {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(Problem::invalid("header", "`header` is neither `true` nor `false`")
            .hint("Use true where the first line names the columns, false where it is a row; leave it out to let it be found.")),
    }
}

/// A text field of a form, of bounded length and without NUL.
pub async fn text(mut field: Field<'_>) -> Result<String, Problem> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = field
        .chunk()
        .await
        .map_err(|error| Problem::new(error.status(), "multipart", "The upload cannot be read", error.body_text()))?
    {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FIELD_LIMIT {
            return Err(Problem::invalid("field_too_long", format!("`{name}` is longer than {FIELD_LIMIT} bytes")));
        }
    }
    let text =
        String::from_utf8(bytes).map_err(|_| Problem::invalid("field_encoding", format!("`{name}` is not UTF-8")))?;
    nul::refuse_in_text(&name, &text)?;
    Ok(text)
}

fn unstored(error: &ObjectError) -> Problem {
    match error {
        ObjectError::TooLarge { .. } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", "The file is too large", error.to_string())
                .hint("Split the file, or let the operator raise `--upload-limit`.")
        }
        ObjectError::Upload(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "upload_broken", "The upload broke off", error.to_string())
        }
        ObjectError::Store(_) | ObjectError::Folder(_) | ObjectError::Bucket(_) => {
            tracing::error!(%error, "an upload could not be stored");
            let mut problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "uploads_unavailable",
                "Uploads cannot be stored now",
                "the file was not kept; the daemon's log says why",
            );
            problem.retry_after = Some(10);
            problem
        }
    }
}

/// The import that an upload asks for.
fn declare(app: &App, tenant_id: &str, id: &str, fields: &Fields) -> Result<NewImport, Problem> {
    let (stored, file_name) =
        fields.file.as_ref().ok_or_else(|| Problem::invalid("missing_file", "the upload has no field `file`"))?;
    // A browser sends this where nobody has chosen a file.
    if stored.size == 0 && file_name.as_deref().unwrap_or_default().is_empty() {
        return Err(Problem::invalid("missing_file", "no file was chosen").hint("Choose a file, then send it."));
    }
    let format = match fields.format.as_deref() {
        None | Some("" | "auto") => None,
        Some(format) => Some(format.parse::<Format>().map_err(|error| {
            Problem::invalid("unknown_format", error.to_string())
                .hint("Use csv, sie, fipjp, xml, json, fixed_width or auto.")
        })?),
    };
    let entity = fields
        .entity
        .as_deref()
        .map(|entity| {
            entity.parse::<Entity>().map_err(|error| {
                Problem::invalid("unknown_entity", error.to_string())
                    .hint("Use members, clubs, ledger, licences, transfers or rankings.")
            })
        })
        .transpose()?;
    let mode = fields.mode.as_deref().filter(|mode| !mode.is_empty()).unwrap_or("preview");
    if !matches!(mode, "preview" | "apply") {
        return Err(Problem::invalid("unknown_mode", format!("`{mode}` is no mode")).hint("Use preview or apply."));
    }
    Ok(NewImport {
        id: id.to_owned(),
        tenant_id: tenant_id.to_owned(),
        mode: mode.to_owned(),
        format: format.map(|format| format.to_string()),
        entity: entity.map(|entity| entity.to_string()),
        mapping: fields.mapping.clone(),
        profile: fields.profile.as_deref().map(|name| pinned(app, name)).transpose()?,
        file_name: file_name.clone(),
        object_key: stored.key.clone(),
        size: i64::try_from(stored.size).unwrap_or(i64::MAX),
        sha256: stored.sha256.clone(),
        supersedes: fields.supersedes.clone(),
    })
}

/// The profile of a name, as it is now.
fn pinned(app: &App, name: &str) -> Result<PinnedProfile, Problem> {
    let definitions = app.definitions.load();
    let known = definitions.formats.iter().find(|profile| profile.name() == name);
    known.map(|profile| PinnedProfile { name: name.to_owned(), source: profile.source().to_owned() }).ok_or_else(|| {
        let names: Vec<&str> = definitions.formats.iter().map(|profile| profile.name()).collect();
        Problem::invalid("unknown_profile", format!("there is no format profile `{name}`"))
            .hint(suggestion(name, &names))
    })
}

/// Writes the import and its job; `imports` is the address that was posted to, `committing` is set as soon as the file
/// may be referred to.
async fn store(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    new: &NewImport,
    imports: &str,
    committing: &mut bool,
) -> Result<Response, Problem> {
    if let Some(earlier) = &new.supersedes {
        app.context.store.import(&new.tenant_id, earlier).await.map_err(|error| match error {
            StoreError::NotFound { .. } => Problem::invalid("unknown_import", error.to_string())
                .hint("`supersedes` names an earlier import of the same tenant."),
            other => other.into(),
        })?;
    }
    let mut tx = app.context.store.begin(&caller.actor, Utc::now()).await?;
    let content = format!(
        "{}\0{:?}\0{:?}\0{}\0{:?}\0{:?}\0{:?}",
        new.sha256, new.format, new.entity, new.mode, new.mapping, new.profile, new.supersedes
    );
    if let Some(answer) = key.take(&mut tx, content.as_bytes()).await? {
        return Ok(answer);
    }
    let job_id = tx.create_import(new).await?;
    let import = tx.import(&new.id).await?;
    let mut view = answers::import(import, Vec::new(), None);
    view.job_id = Some(job_id);
    let answer = Answer::json(StatusCode::ACCEPTED, &view)
        .header(header::LOCATION, format!("{imports}/{}", new.id))
        .header(header::ETAG, tag(&view));
    key.keep(&mut tx, &answer).await?;
    *committing = true;
    tx.commit().await?;
    Ok(answer.into_response())
}

/// The body limit of uploads is the object store's, which counts while it streams.
pub fn unlimited() -> DefaultBodyLimit {
    DefaultBodyLimit::disable()
}

/// Place among imports.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted, 1 to 200; 50 where absent.
    limit: Option<i64>,
}

/// List a tenant's imports
///
/// Newest first.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/imports", tag = "imports",
    params(("tenant_id" = String, Path, description = "The tenant's slug"), ListQuery),
    responses(
        (status = 200, body = ImportPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(tenant_id): Path<String>,
    OriginalUri(uri): OriginalUri,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    app.context.store.tenant(&tenant_id).await?;
    let limit = cursor::limit(query.limit)?;
    let before = query.cursor.as_deref().map(cursor::decode).transpose()?;
    let mut found = app.context.store.imports(&tenant_id, before, limit + 1).await?;
    let next_cursor = cursor::cut(&mut found, limit, |last| cursor::encode(last.created_at, &last.id));
    let mut items = Vec::with_capacity(found.len());
    for import in found {
        items.push(view(&app, import).await?);
    }
    Ok(cursor::page(&uri, next_cursor.clone().as_deref(), &ImportPage { items, next_cursor }))
}

/// The entity tag of an import: the revision of its preview, which is what people decide about.
pub fn tag(import: &ImportView) -> String {
    format!("\"{}\"", import.preview_revision)
}

/// An import with its issues' groups and the progress of its latest job.
pub async fn view(app: &App, import: Import) -> Result<ImportView, Problem> {
    let (groups, job) = surroundings(app, &import.id).await?;
    Ok(answers::import(import, groups, job))
}

/// What an answer about an import says besides the import: its issues by code, and its latest job.
pub async fn surroundings(app: &App, import_id: &str) -> Result<(Vec<(String, String, i64)>, Option<Job>), Problem> {
    Ok((app.context.store.issue_groups(import_id).await?, latest_job(app, import_id).await?))
}

/// The latest job that works on an import, or did.
pub async fn latest_job(app: &App, import_id: &str) -> Result<Option<Job>, Problem> {
    let filter = JobFilter { subject_id: Some(import_id.to_owned()), limit: 1, ..JobFilter::default() };
    Ok(app.context.store.jobs(&filter).await?.pop())
}

/// Show an import
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/imports/{import_id}", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
    ),
    responses(
        (status = 200, body = ImportView, headers(("ETag" = String, description = "Revision of the preview"))),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, import_id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let import = app.context.store.import(&tenant_id, &import_id).await?;
    let view = view(&app, import).await?;
    Ok(([(header::ETAG, tag(&view))], axum::Json(view)).into_response())
}

/// Filter and place among issues.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IssueQuery {
    /// Only issues with this code.
    pub code: Option<String>,
    /// Only `error` or `warning`.
    pub severity: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Items wanted, 1 to 200; 50 where absent.
    pub limit: Option<i64>,
}

/// List an import's issues
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/imports/{import_id}/issues", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
        IssueQuery,
    ),
    responses(
        (status = 200, body = IssuePage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn issues(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, import_id)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    query: Result<Query<IssueQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    app.context.store.import(&tenant_id, &import_id).await?;
    let found = issue_page(&app, &import_id, query).await?;
    Ok(cursor::page(&uri, found.next_cursor.as_deref(), &found))
}

/// A page of an import's issues, for API and console.
pub async fn issue_page(app: &App, import_id: &str, query: IssueQuery) -> Result<IssuePage, Problem> {
    let limit = cursor::limit(query.limit)?;
    let after = match query.cursor.as_deref() {
        None => 0,
        Some(text) => text.parse().ok().filter(|after| *after > 0).ok_or_else(cursor::not_ours)?,
    };
    if let Some(severity) = query.severity.as_deref().filter(|severity| !["error", "warning"].contains(severity)) {
        let problem = Problem::invalid("filter", format!("there is no severity `{severity}`"));
        return Err(problem.hint("Use one of error, warning."));
    }
    let filter = IssueFilter { after, code: query.code, severity: query.severity, limit: limit + 1 };
    let mut found = app.context.store.issues(import_id, &filter).await?;
    let next_cursor = cursor::cut(&mut found, limit, |last| last.ordinal.to_string());
    Ok(IssuePage { items: found.into_iter().map(answers::issue).collect(), next_cursor })
}
