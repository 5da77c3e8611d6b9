//! Where the columns of tables go.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an import's columns are to be mapped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingBody {
    /// From columns of the file to fields; `null` or an empty text leaves the column out. `#3` is the third column. Columns
    /// that are not named are detected.
    pub mapping: BTreeMap<String, Option<String>>,
    /// `members`, `clubs`, `licences`, `transfers` or `rankings`; as before where absent.
    pub entity: Option<String>,
    /// Whether the first line names the columns; what was said before where absent, else found out.
    pub header: Option<bool>,
}

/// A mapping as it is kept: an empty field leaves the column out.
pub fn columns_asked(mapping: BTreeMap<String, Option<String>>) -> BTreeMap<String, String> {
    mapping.into_iter().map(|(column, field)| (column, field.unwrap_or_default())).collect()
}

/// A mapping that was confirmed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MappingView {
    /// Its id.
    pub id: String,
    /// What the rows are.
    pub entity: String,
    /// The columns, in the order of the latest table.
    pub columns: Vec<ColumnView>,
    /// The latest import that was confirmed with it.
    pub import_id: String,
    /// When that was.
    pub confirmed_at: DateTime<Utc>,
    /// Who confirmed it.
    pub confirmed_by: String,
}

/// A column of a saved mapping.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ColumnView {
    /// Its name in the file.
    pub column: String,
    /// The field that it fills; none where it is left out.
    pub field: Option<String>,
}

/// A tenant's saved mappings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MappingsView {
    /// The latest first.
    pub items: Vec<MappingView>,
}
