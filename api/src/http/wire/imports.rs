//! Imports: what is uploaded, what was found, what is asked for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Progress;

/// An upload, as `multipart/form-data`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes a form that is read in a stream")]
pub struct UploadForm {
    /// The file.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
    /// `csv`, `sie`, `fipjp`, `xml`, `json`, `fixed_width` or `auto`.
    pub format: Option<String>,
    /// `members`, `clubs`, `ledger`, `licences`, `transfers` or `rankings`; found out where absent.
    pub entity: Option<String>,
    /// Name of the format profile to read by.
    pub profile: Option<String>,
    /// JSON object from the file's columns to fields; `null` leaves a column out. A column is called by its name, or by its place: `#3`.
    pub mapping: Option<String>,
    /// `true` where the first line of a table names the columns, `false` where it is a row; found out where absent.
    pub header: Option<bool>,
    /// `preview` waits for a person; `apply` goes on by itself when no row is rejected and no column guessed.
    pub mode: Option<String>,
    /// Id of the earlier import that this file corrects; the latest of the same name and entity where absent.
    pub supersedes: Option<String>,
}

/// An import (`SysOnboardingImport`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportView {
    /// Its id.
    pub id: String,
    /// Whose data.
    pub tenant_id: String,
    /// `queued`, `parsing`, `preview`, `loading`, `completed`, `failed`, `cancelled`, `rolling_back` or `rolled_back`.
    pub state: String,
    /// `preview` or `apply`.
    pub mode: String,
    /// Declared or detected format.
    pub format: Option<String>,
    /// Declared or detected entity.
    pub entity: Option<String>,
    /// The format profile declared for it.
    pub profile: Option<String>,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// Bytes.
    pub size: i64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// What reading found out: encoding and why, delimiter, header and how it is known (`heading`: `named`,
    /// `inferred`, `guessed`, `reason`); for each column the field that it fills, with confidence, reason and alternatives.
    #[schema(value_type = Option<Object>)]
    pub detected: Option<Value>,
    /// What the preview counted; of the records of a completed import, what loading found.
    pub counts: CountsView,
    /// Raised when a preview is stored, and when it is given up for another mapping; the import's `ETag`.
    pub preview_revision: i64,
    /// Issues by code.
    pub issues: Vec<IssueGroup>,
    /// First records as they would be stored.
    #[schema(value_type = Vec<Object>)]
    pub sample: Value,
    /// How far the current work is.
    pub progress: Progress,
    /// Records stored.
    pub loaded: i64,
    /// Why it failed, or why it was cancelled by nobody.
    #[schema(value_type = Option<ImportFailure>)]
    pub failure: Option<Value>,
    /// The latest job at work on it.
    pub job_id: Option<String>,
    /// Who uploaded it.
    pub uploaded_by: String,
    /// When it was uploaded.
    pub created_at: DateTime<Utc>,
    /// When the preview was ready.
    pub previewed_at: Option<DateTime<Utc>>,
    /// While it waits in preview: until when it can be confirmed. After that it is cancelled and its file removed.
    pub expires_at: Option<DateTime<Utc>>,
    /// When a person confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was stored.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was undone.
    pub rolled_back_at: Option<DateTime<Utc>>,
    /// Another import of the tenant is being stored or undone; this one follows.
    pub waits: bool,
    /// The earlier import that this one corrects.
    pub supersedes: Option<String>,
    /// What became of that one's issues, by code. An issue is the same where its code, its column and its row are, wherever
    /// the row stands by now; a row is told by its natural key.
    pub difference: Vec<DifferenceView>,
    /// The newer import whose preview took the place of this one's, which is why this one is cancelled.
    pub superseded_by: Option<String>,
}

/// What became of the issues of one code when a file was imported again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DifferenceView {
    /// The code.
    pub code: String,
    /// There before, and not any more.
    pub resolved: i64,
    /// There before, and still.
    pub remaining: i64,
    /// Not there before.
    pub new: i64,
}

/// Why an import is undone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// Kept in the audit.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// Why an import failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportFailure {
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Counts of rows and records. `records_new`, `records_changed` and `records_unchanged` compare with what was stored
/// before the import: at the time of the preview, and once the import is completed, at the time of loading, since another
/// import may have come in between. The event `import_preview` keeps what the preview said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CountsView {
    /// Rows read.
    pub rows_read: i64,
    /// Rows without an issue.
    pub rows_valid: i64,
    /// Rows with warnings only.
    pub rows_warned: i64,
    /// Rows with an error, which are left out.
    pub rows_rejected: i64,
    /// Records that the rows give.
    pub records: i64,
    /// Not stored yet.
    pub records_new: i64,
    /// Stored with other content.
    pub records_changed: i64,
    /// Stored with the same content.
    pub records_unchanged: i64,
}

/// How often a finding occurs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssueGroup {
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// How often.
    pub count: i64,
}

/// How far an import is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportProgress {
    /// The import's state.
    pub state: String,
    /// Done by its latest job, in `unit`.
    pub done: i64,
    /// In all, where known.
    pub total: Option<i64>,
    /// `bytes` or `rows`.
    pub unit: Option<String>,
    /// Records stored.
    pub loaded: i64,
}

/// A tenant's imports.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ImportPage {
    /// Newest first.
    pub items: Vec<ImportView>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}

/// A finding about a row or the file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssueView {
    /// Line in the file, from 1; 0 for the whole file.
    pub row: i64,
    /// Column.
    pub column: Option<String>,
    /// The offending value, shortened.
    pub value: Option<String>,
    /// `error` or `warning`.
    pub severity: String,
    /// Stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A page of issues.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssuePage {
    /// In order of appearance.
    pub items: Vec<IssueView>,
    /// Continues the list, if there is more.
    pub next_cursor: Option<String>,
}
