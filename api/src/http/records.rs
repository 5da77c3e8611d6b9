//! A tenant's records, one by one.

use std::collections::BTreeSet;

use axum::extract::{OriginalUri, Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use workbench_engine::store::{RecordVersion, VersionFilter};
use workbench_importer::RecordKind;

use super::access::{Caller, Capability};
use super::problem::Problem;
use super::query::bad_query;
use super::wire::{FieldChange, RecordChange, RecordView};
use super::{App, cursor};

/// Most changes of a page: a record may be a megabyte, and each change may tell all of it.
const MOST: i64 = 20;

/// Place among the changes of a record.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordQuery {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Changes wanted, 1 to 20; 20 where absent.
    pub limit: Option<i64>,
}

/// Show a record and its changes
///
/// What is stored under a natural key, and which import changed what about it, from what to what, the latest first. What was
/// undone is not among the changes; the events tell of it.
#[utoipa::path(
    get, path = "/sys/tenants/{tenant_id}/records/{kind}/{key}", tag = "tenants",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("kind" = String, Path, description = "`member`, `club`, `account`, `voucher`, …, as in the `sample` of an import"),
        ("key" = String, Path, description = "The natural key, percent-encoded"),
        RecordQuery,
    ),
    responses(
        (status = 200, body = RecordView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, kind, key)): Path<(String, String, String)>,
    OriginalUri(uri): OriginalUri,
    query: Result<Query<RecordQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let found = view(&app, (&tenant_id, &kind, &key), query).await?;
    Ok(cursor::page(&uri, found.next_cursor.as_deref(), &found))
}

/// A record with a page of its changes, for API and console.
pub async fn view(app: &App, place: (&str, &str, &str), query: RecordQuery) -> Result<RecordView, Problem> {
    let (tenant_id, kind, natural_key) = place;
    app.context.store.tenant(tenant_id).await?;
    let kinds = RecordKind::ALL.map(RecordKind::as_str);
    if !kinds.contains(&kind) {
        let problem = Problem::not_found(format!("there is no kind of record `{kind}`"));
        return Err(problem.hint(format!("Use one of {}.", kinds.join(", "))));
    }
    let limit = cursor::limit_of(query.limit, MOST, MOST)?;
    let current = VersionFilter { tenant_id, kind, natural_key, before_import: None, limit: 1 };
    let current = app.context.store.record_versions(&current).await?.pop();
    let current = current.ok_or_else(|| Problem::not_found(format!("there is no {kind} `{natural_key}`")))?;
    // One more than the page tells of: each change is told against the version before.
    let wanted =
        VersionFilter { tenant_id, kind, natural_key, before_import: query.cursor.as_deref(), limit: limit + 1 };
    let mut versions = app.context.store.record_versions(&wanted).await?;
    if versions.is_empty() && query.cursor.is_some() {
        return Err(cursor::not_ours());
    }
    let mut changes: Vec<RecordChange> = versions.windows(2).map(|pair| change(&pair[0], pair.get(1))).collect();
    let more = i64::try_from(versions.len()).is_ok_and(|found| found > limit);
    if let Some(first) = versions.pop().filter(|_| !more) {
        changes.push(change(&first, None));
    }
    Ok(RecordView {
        tenant_id: tenant_id.to_owned(),
        kind: kind.to_owned(),
        key: natural_key.to_owned(),
        fields: current.fields,
        next_cursor: changes.last().filter(|_| more).map(|last| last.import_id.clone()),
        changes,
    })
}

/// What led to a version from the one before it; from nothing where there is none.
fn change(version: &RecordVersion, before: Option<&RecordVersion>) -> RecordChange {
    RecordChange {
        import_id: version.import_id.clone(),
        file_name: version.file_name.clone(),
        uploaded_by: version.actor.clone(),
        at: version.stored_at,
        action: if before.is_some() { "changed" } else { "created" }.to_owned(),
        fields: differences(before.map_or(&Value::Null, |before| &before.fields), &version.fields),
    }
}

/// The members in which two objects differ, by name.
fn differences(from: &Value, to: &Value) -> Vec<FieldChange> {
    let names = [from, to].into_iter().filter_map(Value::as_object).flat_map(|members| members.keys());
    let names: BTreeSet<&String> = names.collect();
    names
        .into_iter()
        .filter(|name| from.get(*name) != to.get(*name))
        .map(|name| FieldChange { field: name.clone(), from: from.get(name).cloned(), to: to.get(name).cloned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let (before, after) = (json!({ "a": 1, "b": "x", "c": null }), json!({ "a": 1, "b": "y", "d": [1] }));
        let told: Vec<_> =
            differences(&before, &after).into_iter().map(|one| (one.field, json!([one.from, one.to]))).collect();
        let expected = [("b", json!(["x", "y"])), ("c", json!([null, null])), ("d", json!([null, [1]]))];
        assert_eq!(told, expected.map(|(field, change)| (field.to_owned(), change)));
        assert_eq!(differences(&Value::Null, &after).len(), 3);
    }
}
