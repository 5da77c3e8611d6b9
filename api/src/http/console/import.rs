//! The page of one import, and what its forms send.

use axum::extract::{Multipart, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;
use workbench_console as pages;
use workbench_engine::store::Import;
use workbench_importer::{Detected, Entity, Format, MappedColumn};

use super::{Asked, Filled, Visitor, failed, mapping_form, page, record};
use crate::http::idempotency::IdempotencyKey;
use crate::http::import_commands::{self, Command};
use crate::http::problem::Problem;
use crate::http::{App, imports, nul};

/// Fields of the first records that are shown at most.
const FIELDS: usize = 16;
/// Longest value shown, in characters.
const SHOWN: usize = 80;

/// Which issues are shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    code: Option<String>,
    cursor: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path((tenant_id, import_id)): Path<(String, String)>,
    Asked(query): Asked<PageQuery>,
) -> Response {
    render(&app, &visitor, (&tenant_id, &import_id), query, None).await
}

/// An action that was refused, and the form that asked for it.
struct Refused<'a> {
    action: &'a str,
    form: &'a Fields,
    problem: Problem,
}

/// The page, with what a refused action said and what its form held.
async fn render(
    app: &App,
    visitor: &Visitor,
    (tenant_id, import_id): (&str, &str),
    query: PageQuery,
    refused: Option<Refused<'_>>,
) -> Response {
    let mut view = match view(app, visitor, (tenant_id, import_id), query).await {
        Ok(view) => view,
        Err(problem) => return failed(&problem),
    };
    let Some(Refused { action, form, problem }) = refused else { return page(pages::import(&view), StatusCode::OK) };
    // While the file is read again the form cannot be sent; what was chosen waits for the new preview.
    if action == "mapping" && (view.can_map || view.is_being_read()) {
        mapping_form::keep(&mut view, form);
    }
    value(form, "reason").unwrap_or_default().clone_into(&mut view.reason);
    view.notice = Some(match problem.hint {
        Some(hint) => format!("{}. {hint}", problem.detail),
        None => problem.detail,
    });
    page(pages::import(&view), StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT))
}

async fn view(
    app: &App,
    visitor: &Visitor,
    (tenant_id, import_id): (&str, &str),
    query: PageQuery,
) -> Result<pages::ImportPage, Problem> {
    let tenant = app.context.store.tenant(tenant_id).await?;
    let import = app.context.store.import(tenant_id, import_id).await?;
    let detected = detected(&import);
    let table = detected.as_ref().filter(|_| is_table(&import, detected.as_ref()));
    let can_map = table.is_some() && import.can_be_mapped_again();
    let entity = entity_of(&import, detected.as_ref());
    let code = query.code.filter(|code| !code.is_empty());
    let asked = imports::IssueQuery { code: code.clone(), cursor: query.cursor, ..imports::IssueQuery::default() };
    let issues = imports::issue_page(app, import_id, asked).await?;
    let found = detected.as_ref().map(|detected| facts(&import, detected)).unwrap_or_default();
    let columns = detected.iter().flat_map(|detected| detected.mapping.iter().enumerate());
    let columns: Vec<_> = columns.map(|(at, mapped)| column(at, mapped)).collect();
    let import = imports::view(app, import).await?;
    let home = (import.state == "completed").then_some(tenant_id);
    let (sample_fields, sample) = sample(&import.sample, detected.as_ref(), home);
    Ok(pages::ImportPage {
        tenant_id: tenant.id,
        name: tenant.name,
        failure: import.failure.as_ref().filter(|_| import.state != "completed").and_then(super::failure_words),
        found,
        entity: entity.map(|entity| entity.to_string()).unwrap_or_default(),
        drawn_for: entity.map(|entity| entity.to_string()).unwrap_or_default(),
        header: detected.as_ref().is_some_and(|detected| detected.header.is_some()).to_string(),
        entities: Entity::ALL
            .into_iter()
            .filter(|entity| *entity != Entity::Ledger)
            .map(|one| one.to_string())
            .collect(),
        columns,
        fields: mapping_form::choices(entity),
        can_map,
        is_kept: false,
        revision: import.preview_revision,
        reason: String::new(),
        counts: pages::ImportCounts {
            rows_read: import.counts.rows_read,
            rows_valid: import.counts.rows_valid,
            rows_warned: import.counts.rows_warned,
            rows_rejected: import.counts.rows_rejected,
            records_new: import.counts.records_new,
            records_changed: import.counts.records_changed,
            records_unchanged: import.counts.records_unchanged,
            loaded: import.loaded,
        },
        sample_fields,
        sample,
        groups: import
            .issues
            .into_iter()
            .map(|group| pages::GroupLine { severity: group.severity, code: group.code, count: group.count })
            .collect(),
        issues: issues
            .items
            .into_iter()
            .map(|issue| pages::IssueLine {
                row: issue.row,
                column: issue.column,
                value: issue.value,
                severity: issue.severity,
                message: issue.message,
                hint: issue.hint,
            })
            .collect(),
        code: code.unwrap_or_default(),
        next: issues.next_cursor,
        difference: import
            .difference
            .into_iter()
            .map(|line| pages::DifferenceLine {
                code: line.code,
                resolved: line.resolved,
                remaining: line.remaining,
                new: line.new,
            })
            .collect(),
        supersedes: import.supersedes,
        superseded_by: import.superseded_by,
        done: import.progress.done,
        total: import.progress.total,
        unit: import.progress.unit,
        id: import.id,
        file_name: import.file_name,
        state: import.state,
        waits: import.waits,
        uploaded_by: import.uploaded_by,
        created_at: import.created_at,
        learning: visitor.learning,
        actor: visitor.caller.actor.id.clone(),
        notice: None,
        csrf: visitor.csrf.clone(),
    })
}

/// What reading found out, as far as there is something.
pub(super) fn detected(import: &Import) -> Option<Detected> {
    serde_json::from_value(import.detected.clone()?).ok()
}

/// Whether people decide where the columns go.
fn is_table(import: &Import, detected: Option<&Detected>) -> bool {
    import.profile.is_none() && detected.is_some_and(|detected| detected.format == Format::Csv)
}

fn entity_of(import: &Import, detected: Option<&Detected>) -> Option<Entity> {
    import.entity.as_deref().and_then(|entity| entity.parse().ok()).or(detected.map(|detected| detected.entity))
}

fn column(at: usize, mapped: &MappedColumn) -> pages::ColumnLine {
    let alternatives: Vec<String> = mapped
        .alternatives
        .iter()
        .map(|other| format!("{} ({:.0} %)", other.field.replace('_', " "), other.confidence * 100.0))
        .collect();
    pages::ColumnLine {
        column: named(at, &mapped.column),
        field: mapped.field.clone().unwrap_or_default(),
        chosen: mapped.field.clone().unwrap_or_default(),
        confidence: mapped.confidence,
        guessed: mapped.is_guessed(),
        reason: mapped.reason.clone(),
        alternatives: alternatives.join(", "),
    }
}

/// A column as people find it again: by its name, or by its place where it has none.
pub(super) fn named(at: usize, name: &str) -> String {
    if name.trim().is_empty() { format!("Column {}, without a name", at + 1) } else { name.to_owned() }
}

/// What the file is, in words.
fn facts(import: &Import, detected: &Detected) -> Vec<(String, String)> {
    let mut facts = vec![
        ("Format".to_owned(), detected.format.to_string()),
        ("Encoding".to_owned(), format!("{}: {}", detected.encoding, detected.encoding_reason)),
    ];
    if let Some(delimiter) = detected.delimiter {
        let name = match delimiter {
            ';' => "semicolon",
            ',' => "comma",
            '\t' => "tab",
            _ => "vertical bar",
        };
        facts.push(("Delimiter".to_owned(), name.to_owned()));
        let header = match &detected.header {
            Some(header) => format!("the first line, {} columns", header.len()),
            None => "none: the first line holds values".to_owned(),
        };
        let header = match &detected.heading {
            Some(heading) if heading.inferred => format!("{header} ({})", heading.reason),
            _ => header,
        };
        facts.push(("Header".to_owned(), header));
    }
    for (name, value) in &detected.details {
        facts.push((pages::words(name), cut(value)));
    }
    facts.push(("Size".to_owned(), format!("{} bytes", import.size)));
    facts
}

/// The first records as rows of a table: the fields in the order of the file's columns, then others. `home` is the tenant
/// whose records they are, once they are stored.
fn sample(records: &Value, detected: Option<&Detected>, home: Option<&str>) -> (Vec<String>, Vec<pages::SampleLine>) {
    let text = |record: &Value, member: &str| record.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let records = records.as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |record: &Value, field: &str| record.get("fields").and_then(|fields| fields.get(field)).cloned();
    let mapped = detected.into_iter().flat_map(|detected| &detected.mapping).filter_map(|column| column.field.clone());
    let present =
        records.iter().filter_map(|record| record.get("fields")?.as_object()).flat_map(|fields| fields.keys());
    let mut fields: Vec<String> = Vec::new();
    for field in mapped.chain(present.cloned()) {
        let is_given = records.iter().any(|record| of(record, &field).is_some());
        // The key has a column of its own.
        let is_key = records.iter().all(|record| of(record, &field).as_ref() == record.get("key"));
        if fields.len() < FIELDS && !fields.contains(&field) && is_given && !is_key {
            fields.push(field);
        }
    }
    let lines = records
        .iter()
        .map(|record| pages::SampleLine {
            key: cut(&text(record, "key")),
            address: home.map(|tenant_id| record::address(tenant_id, &text(record, "kind"), &text(record, "key"))),
            values: fields
                .iter()
                .map(|field| match of(record, field) {
                    None => String::new(),
                    Some(Value::String(text)) => cut(&text),
                    Some(other) => cut(&other.to_string()),
                })
                .collect(),
        })
        .collect();
    (fields, lines)
}

pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// A form whose fields depend on the file.
pub(super) type Fields = Vec<(String, String)>;

pub(super) fn value<'a>(form: &'a Fields, name: &str) -> Option<&'a str> {
    form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// Whoever goes to the address that a form sends files to is led to the tenant's page.
pub(super) async fn to_list(Path(tenant_id): Path<String>) -> Redirect {
    Redirect::to(&format!("/onboarding/{tenant_id}"))
}

/// Whoever reloads the answer to a form, or goes back to it, is led to the page.
pub(super) async fn back(Path((tenant_id, import_id, _)): Path<(String, String, String)>) -> Redirect {
    Redirect::to(&format!("/onboarding/{tenant_id}/imports/{import_id}"))
}

pub(super) async fn act(
    State(app): State<App>,
    visitor: Visitor,
    Path((tenant_id, import_id, action)): Path<(String, String, String)>,
    key: IdempotencyKey,
    Filled(form): Filled<Fields>,
) -> Response {
    if let Err(refused) = visitor.prove(value(&form, "csrf").unwrap_or_default()) {
        return refused;
    }
    let place = (tenant_id.as_str(), import_id.as_str());
    let done = async {
        let command = match action.as_str() {
            "confirm" => Command::Confirm { seen: Some(vec![revision(&form)?]) },
            "cancel" => Command::Cancel,
            "rollback" => {
                let reason = value(&form, "reason").unwrap_or_default().trim();
                nul::refuse_in_text("reason", reason)?;
                Command::RollBack { reason: reason.to_owned() }
            }
            "mapping" => {
                let (import, seen) = (app.context.store.import(&tenant_id, &import_id).await?, revision(&form)?);
                // Before the choices are looked at: what is wrong with them may be so for another reason.
                import.must_be_seen(Some(&[seen]))?;
                mapping_form::command(&import, &form, seen)
            }
            _ => return Err(Problem::not_found("there is no such action")),
        };
        import_commands::act(&app, &visitor.caller, &key, place, &command).await
    };
    match done.await {
        Ok(_) => Redirect::to(&format!("/onboarding/{tenant_id}/imports/{import_id}")).into_response(),
        Err(mut problem) => {
            if problem.code == "stale_preview" {
                problem.hint = Some("This page shows it as it is now: look at it, and decide again.".to_owned());
            }
            let refused = Refused { action: &action, form: &form, problem };
            render(&app, &visitor, place, PageQuery::default(), Some(refused)).await
        }
    }
}

/// The revision of the preview that a form was drawn for.
fn revision(form: &Fields) -> Result<i64, Problem> {
    value(form, "revision").and_then(|text| text.parse().ok()).ok_or_else(|| {
        Problem::invalid("revision", "the form does not say which preview it belongs to").hint("Load the page again.")
    })
}

pub(super) async fn upload(
    State(app): State<App>,
    visitor: Visitor,
    Path(tenant_id): Path<String>,
    key: IdempotencyKey,
    multipart: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Response {
    let mut fields = imports::Fields::default();
    let taken = async {
        let mut multipart = multipart.map_err(|rejection| {
            Problem::new(rejection.status(), "form", "The form cannot be read", rejection.body_text())
        })?;
        // The form sends its proof first, so that nothing is stored of one that has none.
        let first = multipart.next_field().await.ok().flatten();
        let csrf = match first {
            Some(field) if field.name() == Some("csrf") => imports::text(field).await?,
            _ => String::new(),
        };
        if let Err(refused) = visitor.prove(&csrf) {
            return Ok(refused);
        }
        visitor.caller.require(crate::http::Capability::Import)?;
        app.context.store.tenant(&tenant_id).await?;
        let address = format!("/sys/onboarding/{tenant_id}/imports");
        let place = (tenant_id.as_str(), address.as_str());
        let answer = imports::take_in(&app, &visitor.caller, &key, place, &mut multipart, &mut fields).await?;
        let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let id = location.and_then(|location| location.rsplit('/').next()).unwrap_or_default();
        Ok::<_, Problem>(Redirect::to(&format!("/onboarding/{tenant_id}/imports/{id}")).into_response())
    };
    let refused = match taken.await {
        Ok(answer) => return answer,
        Err(problem) => problem,
    };
    // The form stands on the page of the import that the file corrects.
    match fields.supersedes {
        Some(earlier) => {
            let refused = Refused { action: "upload", form: &Vec::new(), problem: refused };
            render(&app, &visitor, (&tenant_id, &earlier), PageQuery::default(), Some(refused)).await
        }
        None => failed(&refused),
    }
}
