//! One record of a tenant: what is stored, and what each import has changed about it.

use askama::Template;
use chrono::{DateTime, Utc};

/// What a record's page shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "record.html")]
pub struct RecordPage {
    /// The tenant's slug.
    pub tenant_id: String,
    /// What people call the tenant.
    pub name: String,
    /// `member`, `club`, `account`, `voucher`, …
    pub kind: String,
    /// Its natural key.
    pub key: String,
    /// Its fields and their values.
    pub fields: Vec<(String, String)>,
    /// A page of its changes, the latest first.
    pub changes: Vec<ChangeLine>,
    /// Where the changes go on.
    pub next: Option<String>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// What an import did to a record.
#[derive(Debug, Clone, Default)]
pub struct ChangeLine {
    /// The import.
    pub import_id: String,
    /// Name of its file.
    pub file_name: Option<String>,
    /// Who uploaded it.
    pub uploaded_by: Option<String>,
    /// When it was stored.
    pub at: DateTime<Utc>,
    /// `created` or `changed`.
    pub action: String,
    /// What became of each field.
    pub fields: Vec<FieldLine>,
}

/// What became of a field.
#[derive(Debug, Clone, Default)]
pub struct FieldLine {
    /// Its wire name.
    pub field: String,
    /// What it was; none where it was not there.
    pub from: Option<String>,
    /// What it is since; none where it is gone.
    pub to: Option<String>,
}

impl RecordPage {
    fn place() -> &'static str {
        "record"
    }
}

/// The page at `/onboarding/{tenant}/records/{kind}/{key}`.
pub fn record(page: &RecordPage) -> Result<String, askama::Error> {
    page.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_from_what_to_what() {
        let some = |text: &str| Some(text.to_owned());
        let field = FieldLine { field: "family_name".to_owned(), from: some("<i>Lind"), to: some("Ek") };
        let gone = FieldLine { field: "club".to_owned(), from: some("Nordvik"), to: None };
        let change = ChangeLine { action: "changed".to_owned(), fields: vec![field, gone], ..ChangeLine::default() };
        let page = RecordPage {
            tenant_id: "alnor".to_owned(),
            kind: "member".to_owned(),
            key: "SE/1".to_owned(),
            changes: vec![change],
            next: some("imp_1"),
            ..RecordPage::default()
        };
        let text = record(&page).unwrap();
        assert!(text.contains("<del>&#60;i&#62;Lind</del> → <ins>Ek</ins>"), "{text}");
        assert!(text.contains("<del>Nordvik</del> → <span class=\"none\">"), "{text}");
        assert!(text.contains("href=\"/onboarding/alnor/records/member/SE%2F1?cursor=imp_1\""), "{text}");
    }
}
