//! An import's issues as a table to download, in a stream: there may be millions.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use workbench_engine::store::{IssueFilter, StoredIssue};

use super::App;
use super::access::{Caller, Capability};
use super::problem::Problem;

/// Issues read at once.
const PAGE: i64 = 1000;

/// Download an import's issues
///
/// CSV (RFC 4180) in UTF-8, with a header. A value that a spreadsheet would take for a formula is led by an apostrophe.
#[utoipa::path(
    get, path = "/sys/onboarding/{tenant_id}/imports/{import_id}/issues.csv", tag = "imports",
    params(
        ("tenant_id" = String, Path, description = "The tenant's slug"),
        ("import_id" = String, Path, description = "Id of the import"),
    ),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn download(
    State(app): State<App>,
    caller: Caller,
    Path((tenant_id, import_id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let import = app.context.store.import(&tenant_id, &import_id).await?;
    let file_name = format!("attachment; filename=\"{}-issues.csv\"", import.id);
    let pages = futures::stream::try_unfold(Some(0), move |after: Option<i64>| {
        let (store, import_id) = (app.context.store.clone(), import_id.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let filter = IssueFilter { after, limit: PAGE, ..IssueFilter::default() };
            let issues = store.issues(&import_id, &filter).await.map_err(std::io::Error::other)?;
            let full = i64::try_from(issues.len()).is_ok_and(|issues| issues == PAGE);
            let next = issues.last().filter(|_| full).map(|last| last.ordinal);
            Ok::<_, std::io::Error>(Some((table(&issues, after == 0)?, next)))
        }
    });
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, file_name)];
    Ok((headers, Body::from_stream(pages)).into_response())
}

fn table(issues: &[StoredIssue], with_header: bool) -> std::io::Result<Bytes> {
    let mut table = csv::Writer::from_writer(Vec::new());
    if with_header {
        table.write_record(["row", "column", "value", "severity", "code", "message", "hint"])?;
    }
    for StoredIssue { issue, .. } in issues {
        let row = issue.line.to_string();
        let texts = [
            row.as_str(),
            issue.column.as_deref().unwrap_or_default(),
            issue.value.as_deref().unwrap_or_default(),
            &issue.severity,
            &issue.code,
            &issue.message,
            &issue.hint,
        ];
        table.write_record(texts.map(harmless))?;
    }
    table.into_inner().map(Bytes::from).map_err(|error| std::io::Error::other(error.to_string()))
}

/// A text that no spreadsheet calculates.
pub fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_stay_texts() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("Anna"), "Anna");
    }
}
