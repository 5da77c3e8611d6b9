//! Records and how they came to be.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A record of a tenant as it is stored, and what its imports have changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordView {
    /// Whose.
    pub tenant_id: String,
    /// `member`, `club`, `account`, `voucher`, …
    pub kind: String,
    /// Its natural key, for example a licence number.
    pub key: String,
    /// The content.
    #[schema(value_type = Object)]
    pub fields: Value,
    /// What made it this, the latest first.
    pub changes: Vec<RecordChange>,
    /// Continues the changes, if there are more.
    pub next_cursor: Option<String>,
}

/// What an import did to a record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordChange {
    /// The import.
    pub import_id: String,
    /// The name that its file was uploaded under.
    pub file_name: Option<String>,
    /// Who uploaded it.
    pub uploaded_by: Option<String>,
    /// When it was stored.
    pub at: DateTime<Utc>,
    /// `created` or `changed`.
    pub action: String,
    /// The fields that are others than before, by name.
    pub fields: Vec<FieldChange>,
}

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What it was; `null` where it was not there.
    #[schema(value_type = Option<Object>)]
    pub from: Option<Value>,
    /// What it is since; `null` where it is gone.
    #[schema(value_type = Option<Object>)]
    pub to: Option<Value>,
}
