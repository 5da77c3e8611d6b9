//! Errors as RFC 9457 problem details.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use workbench_engine::checklist::{Reason, Refusal};
use workbench_engine::course::CourseRefusal;
use workbench_engine::import::ImportState;
use workbench_engine::store::StoreError;

/// Code of a request that lost against another one.
const BUSY: &str = "store_busy";

/// A problem, as the caller reads it (`application/problem+json`, RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Identifies the kind of problem: `/problems/` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code, for machines.
    pub code: String,
    /// What happened this time, for people.
    pub detail: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Why a rule refused, one entry per reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ReasonView>)]
    pub reasons: Vec<Reason>,
    /// Seconds after which trying again makes sense; also in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// One reason of a refusal.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReasonView {
    /// Stable code, for example `needs_open`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The step that stands in the way.
    pub step: Option<String>,
    /// The condition that does not hold.
    pub condition: Option<String>,
    /// The probe that stands in the way.
    pub probe: Option<String>,
    /// Status of that step or probe.
    pub status: Option<String>,
    /// The waiver that the reason is about.
    pub waiver: Option<String>,
    /// When the evidence was taken.
    pub checked_at: Option<chrono::DateTime<chrono::Utc>>,
    /// How old the evidence is, in seconds.
    pub age_seconds: Option<i64>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", code.replace('_', "-")),
            title: title.to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            hint: None,
            reasons: Vec::new(),
            retry_after: None,
        }
    }

    /// Says what would be right.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A value that cannot be accepted, whatever the state.
    pub fn invalid(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, "The request asks for something impossible", detail)
    }

    /// Something that does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing", detail)
    }

    /// No valid credential.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "A credential is needed",
            "the request carries no valid bearer token",
        )
        .hint("Send `Authorization: Bearer TOKEN`; `workbench token create` makes one.")
    }

    /// A credential that does not suffice.
    pub fn forbidden(capability: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The role does not allow this",
            format!("this needs the capability `{capability}`"),
        )
    }

    fn refused(code: &str, status: StatusCode, title: &str, reasons: Vec<Reason>) -> Self {
        let detail = reasons.iter().map(|reason| reason.message.as_str()).collect::<Vec<_>>().join("; ");
        Self { reasons, ..Self::new(status, code, title, detail) }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownStep { ref step, ref known } => {
                let problem = Self::not_found(refusal.to_string());
                match nearest(step, known.iter().map(String::as_str)) {
                    Some(nearest) => problem.hint(format!("Did you mean `{nearest}`?")),
                    None => problem.hint(format!("The steps are {}.", known.join(", "))),
                }
            }
            Refusal::UnknownWaiver { .. } => Self::not_found(refusal.to_string()),
            Refusal::StaleRevision { .. } => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "stale_revision",
                "Somebody else was faster",
                refusal.to_string(),
            )
            .hint("Read the step again and repeat the change with its new ETag."),
            Refusal::Contradiction(reasons) => Self::refused(
                "contradiction",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The request contradicts itself",
                reasons,
            ),
            Refusal::Conflict(reasons) => {
                Self::refused("refused", StatusCode::CONFLICT, "The checklist does not allow this now", reasons)
            }
            Refusal::Forbidden { capability } => Self::forbidden(&capability),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_conflict() {
            tracing::info!(%error, "a transaction lost against another");
            let mut problem = Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                BUSY,
                "The database is busy",
                "another request changed the same things at the same time; this one was not carried out",
            );
            problem.retry_after = Some(1);
            return problem;
        }
        if error.is_unavailable() {
            tracing::warn!(%error, "the store is out of reach");
            let mut problem = Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "The database is out of reach",
                "the request may not have been carried out",
            );
            problem.retry_after = Some(2);
            return problem.hint("Repeat it with the same `Idempotency-Key`: then it is carried out once.");
        }
        match error {
            StoreError::NotFound { .. } => Self::not_found(error.to_string()),
            StoreError::Exists { .. } => {
                Self::new(StatusCode::CONFLICT, "exists", "It exists already", error.to_string())
            }
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::JobRefused(_) => {
                Self::new(StatusCode::CONFLICT, "job_state", "The job does not allow this now", error.to_string())
            }
            StoreError::CourseRefused(refusal) => course_refused(&refusal),
            StoreError::ImportState { from, .. } => {
                let title = "The import does not allow this now";
                let problem = Self::new(StatusCode::CONFLICT, "import_state", title, error.to_string());
                match from {
                    ImportState::Queued | ImportState::Parsing | ImportState::Loading | ImportState::RollingBack => {
                        problem.hint("Try again when that has ended.")
                    }
                    ImportState::Failed | ImportState::Cancelled | ImportState::RolledBack => {
                        problem.hint("Upload the file again.")
                    }
                    ImportState::Preview | ImportState::Completed => problem,
                }
            }
            StoreError::StalePreview => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "stale_preview",
                "The preview is another one by now",
                error.to_string(),
            )
            .hint("Look at the import as it is now, and send the ETag that it has then."),
            StoreError::PreviewExpired { .. } => {
                Self::new(StatusCode::CONFLICT, "preview_expired", "The preview has expired", error.to_string())
                    .hint("Upload the file again; it is read anew.")
            }
            StoreError::Rollback(_) => {
                Self::new(StatusCode::CONFLICT, "rollback_refused", "The import cannot be undone", error.to_string())
            }
            StoreError::ImportBusy { .. } => {
                Self::new(StatusCode::CONFLICT, "import_busy", "Another import comes first", error.to_string())
            }
            StoreError::ImportOvertaken { .. } => {
                Self::new(StatusCode::CONFLICT, "import_overtaken", "Other data has come in between", error.to_string())
                    .hint("Upload the file again; its preview compares it with what is stored now.")
            }
            StoreError::VersionChanged { .. } => {
                Self::new(StatusCode::CONFLICT, "version_changed", "A loaded version never changes", error.to_string())
            }
            StoreError::Sql(_)
            | StoreError::Insert(_)
            | StoreError::Connect { .. }
            | StoreError::Missing { .. }
            | StoreError::Outdated
            | StoreError::Migrate(_)
            | StoreError::Lock { .. }
            | StoreError::Address(_)
            | StoreError::Corrupt { .. } => {
                // The caller cannot mend it and must not see it: the log has the cause.
                tracing::error!(%error, "a request failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "The daemon failed",
                    "the request was not carried out; the daemon's log says why",
                )
            }
        }
    }
}

fn course_refused(refusal: &CourseRefusal) -> Problem {
    let said = refusal.to_string();
    let forbidden = |code: &str| Problem::new(StatusCode::FORBIDDEN, code, "This is somebody else's to do", &*said);
    let conflict = |code: &str| Problem::new(StatusCode::CONFLICT, code, "The course does not allow this now", &*said);
    match refusal {
        CourseRefusal::NotTheLearner { .. } => forbidden("not_the_learner"),
        CourseRefusal::NotAMentor => forbidden("not_a_mentor")
            .hint("`workbench login-link --name NAME --role mentor` makes a login that may sign."),
        CourseRefusal::OneOwn => forbidden("own_course").hint("Ask another mentor."),
        CourseRefusal::Unknown { .. } => Problem::not_found(said),
        CourseRefusal::NotReady { .. } => conflict("not_ready"),
        CourseRefusal::Signed => conflict("signed"),
        CourseRefusal::NotSigned => conflict("not_signed"),
        CourseRefusal::Verified => conflict("verified"),
        CourseRefusal::Empty { .. } => Problem::invalid("empty", said),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Tries once more what lost against another transaction: it was rolled back as a whole.
pub async fn once_more<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    match attempt().await {
        Err(problem) if problem.code == BUSY => attempt().await,
        other => other,
    }
}

/// The candidate that a misspelt word most likely means.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + word.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// What to write instead of an unknown word: the known one that it is near to, else any of these.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied())
        .map_or_else(|| format!("Use one of {}.", known.join(", ")), |nearest| format!("Did you mean `{nearest}`?"))
}
