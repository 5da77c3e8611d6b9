//! What a tenant's tables are mapped by: the mappings that were confirmed with its imports.

use askama::Template;
use chrono::{DateTime, Utc};

/// What the page of saved mappings shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "mappings.html")]
pub struct MappingsPage {
    /// The tenant's slug.
    pub tenant_id: String,
    /// What people call the tenant.
    pub name: String,
    /// The mappings, latest first.
    pub rows: Vec<SavedLine>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// What a refused action said.
    pub notice: Option<String>,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A saved mapping.
#[derive(Debug, Clone, Default)]
pub struct SavedLine {
    /// Id.
    pub id: String,
    /// What the rows are.
    pub entity: String,
    /// Columns and the fields that they fill; an empty field where a column is left out.
    pub columns: Vec<(String, String)>,
    /// The import that it was confirmed with.
    pub import_id: String,
    /// When.
    pub confirmed_at: DateTime<Utc>,
    /// By whom.
    pub confirmed_by: String,
}

impl MappingsPage {
    fn place() -> &'static str {
        "mappings"
    }
}

/// The page at `/onboarding/{tenant}/mappings`.
pub fn mappings(page: &MappingsPage) -> Result<String, askama::Error> {
    page.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mapping_can_be_forgotten() {
        let columns = vec![("Nr".to_owned(), "licence_number".to_owned()), ("<b>".to_owned(), String::new())];
        let row = SavedLine { id: "map_1".to_owned(), columns, ..SavedLine::default() };
        let page = MappingsPage { tenant_id: "alnor".to_owned(), rows: vec![row], ..MappingsPage::default() };
        let text = mappings(&page).unwrap();
        assert!(text.contains("action=\"/onboarding/alnor/mappings/map_1/forget\""), "{text}");
        assert!(text.contains("Licence number") && text.contains("left out"), "{text}");
        assert!(!text.contains("<b>"), "{text}");
    }
}
