//! The page of one record.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use workbench_console as pages;

use super::import::cut;
use super::{Asked, Visitor, failed, page};
use crate::http::problem::Problem;
use crate::http::wire::{FieldChange, RecordChange};
use crate::http::{App, records};

/// What an address need not escape of a key.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where the page of a record is.
pub(super) fn address(tenant_id: &str, kind: &str, key: &str) -> String {
    let part = |text| utf8_percent_encode(text, PART);
    format!("/onboarding/{tenant_id}/records/{}/{}", part(kind), part(key))
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path((tenant_id, kind, key)): Path<(String, String, String)>,
    Asked(query): Asked<records::RecordQuery>,
) -> Response {
    let found = async {
        let tenant = app.context.store.tenant(&tenant_id).await?;
        Ok::<_, Problem>((tenant, records::view(&app, (&tenant_id, &kind, &key), query).await?))
    };
    let (tenant, found) = match found.await {
        Ok(found) => found,
        Err(problem) => return failed(&problem),
    };
    let fields = found.fields.as_object().into_iter().flatten();
    let view = pages::RecordPage {
        tenant_id: tenant.id,
        name: tenant.name,
        kind: found.kind,
        key: found.key,
        fields: fields.map(|(field, value)| (field.clone(), words(value))).collect(),
        changes: found.changes.into_iter().map(change_line).collect(),
        next: found.next_cursor,
        learning: visitor.learning,
        actor: visitor.caller.actor.id.clone(),
        csrf: visitor.csrf.clone(),
    };
    page(pages::record(&view), StatusCode::OK)
}

fn change_line(change: RecordChange) -> pages::ChangeLine {
    pages::ChangeLine {
        import_id: change.import_id,
        file_name: change.file_name,
        uploaded_by: change.uploaded_by,
        at: change.at,
        action: change.action,
        fields: change.fields.into_iter().map(field_line).collect(),
    }
}

fn field_line(change: FieldChange) -> pages::FieldLine {
    pages::FieldLine { field: change.field, from: change.from.as_ref().map(words), to: change.to.as_ref().map(words) }
}

/// A value as people read it, shortened.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    }
}
