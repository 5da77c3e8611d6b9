//! A tenant's health in the format `application/health+json`, which other monitoring reads.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use workbench_engine::store::{HealthCheck, ProbeRow};

const MEDIA_TYPE: &str = "application/health+json";

/// A tenant's latest health check.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthDocument {
    /// `pass`, `warn` or `fail`; `fail` where there has been no check.
    pub status: String,
    /// The tenant's slug.
    pub service_id: String,
    /// The check's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
    /// What has to be said besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// By name of the probe.
    pub checks: BTreeMap<String, Vec<HealthDetail>>,
}

/// What one probe came to.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthDetail {
    /// `probe`.
    pub component_type: &'static str,
    /// `pass`, `warn` or `fail`.
    pub status: &'static str,
    /// When it started.
    pub time: DateTime<Utc>,
    /// How long it took, in `observedUnit`.
    pub observed_value: i64,
    /// `ms`.
    pub observed_unit: &'static str,
    /// What came and what to do; absent where it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// Whether a request asks for this format by name.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let media_type = range.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE)
    })
}

/// The answer, with a status that monitoring understands without reading it.
pub fn answer(tenant_id: &str, latest: Option<HealthCheck>) -> Response {
    let mut document = HealthDocument {
        status: "fail".to_owned(),
        service_id: tenant_id.to_owned(),
        release_id: None,
        notes: Vec::new(),
        checks: BTreeMap::new(),
    };
    match latest {
        None => document.notes.push("no health check has been run, so nothing has been proven".to_owned()),
        Some(check) => {
            document.release_id = Some(check.id);
            document.status = check.aggregate.unwrap_or(document.status);
            document.notes.extend(check.checked_at.map(|at| format!("checked at {}", at.to_rfc3339())));
            for probe in check.probes {
                // The format keeps colons for itself.
                let name = probe.probe.replace(':', "_");
                document.checks.entry(name).or_default().push(detail(&probe));
            }
        }
    }
    let status = if document.status == "fail" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut response = (status, axum::Json(document)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(MEDIA_TYPE));
    response
}

fn detail(probe: &ProbeRow) -> HealthDetail {
    let said = [probe.message.as_str(), probe.hint.as_str()].join(" ").trim().to_owned();
    let (status, output) = match probe.status.as_str() {
        "pass" => ("pass", None),
        "warn" => ("warn", Some(said)),
        // The format has no word for a probe that broke.
        "error" => ("fail", Some(format!("the probe could not run: {said}"))),
        _ => ("fail", Some(said)),
    };
    HealthDetail {
        component_type: "probe",
        status,
        time: probe.started_at,
        observed_value: probe.duration_ms,
        observed_unit: "ms",
        output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_wanted_where_it_is_named() {
        for (accepted, wanted) in [
            ("application/health+json", true),
            ("text/html, Application/Health+JSON;q=0.9", true),
            ("application/json", false),
            ("*/*", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, header::HeaderValue::from_static(accepted));
            assert_eq!(is_wanted(&headers), wanted, "{accepted}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn what_was_never_checked_is_not_healthy() {
        assert_eq!(answer("svbf", None).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
