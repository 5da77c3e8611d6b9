//! One import: what was found in the file, where its columns go, what would be stored, and what can be done about it.

use askama::Template;
use chrono::{DateTime, Utc};

use crate::figure;

/// What an import's page shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "import.html")]
pub struct ImportPage {
    /// The tenant's slug.
    pub tenant_id: String,
    /// What people call the tenant.
    pub name: String,
    /// Id of the import.
    pub id: String,
    /// Name of the uploaded file.
    pub file_name: Option<String>,
    /// Wire name of its state.
    pub state: String,
    /// Whether another import of the tenant comes first.
    pub waits: bool,
    /// Who uploaded it.
    pub uploaded_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Why it failed, and what to do.
    pub failure: Option<String>,
    /// What was found out about the file, as name and value.
    pub found: Vec<(String, String)>,
    /// What the rows are, or were chosen to be.
    pub entity: String,
    /// The entity whose fields the mapping form offers.
    pub drawn_for: String,
    /// `true` where the first line of a table is chosen to name its columns, `false` where it is to be a row.
    pub header: String,
    /// Entities that the rows of a table may be; empty where a mapping cannot be chosen.
    pub entities: Vec<String>,
    /// The columns of a table.
    pub columns: Vec<ColumnLine>,
    /// Fields that a column may fill.
    pub fields: Vec<FieldChoice>,
    /// Whether another mapping can be asked for now.
    pub can_map: bool,
    /// Whether the mapping form shows what a refused one had chosen.
    pub is_kept: bool,
    /// Revision of the preview that the page shows.
    pub revision: i64,
    /// The reason that a refused rollback gave.
    pub reason: String,
    /// What the preview counted.
    pub counts: ImportCounts,
    /// Names of the fields in the first records.
    pub sample_fields: Vec<String>,
    /// The first records: key, and a value for each of these fields.
    pub sample: Vec<SampleLine>,
    /// Issues by code.
    pub groups: Vec<GroupLine>,
    /// A page of issues.
    pub issues: Vec<IssueLine>,
    /// The code that the issues are filtered by; empty for all.
    pub code: String,
    /// Where the list of issues goes on.
    pub next: Option<String>,
    /// The import that this one corrects.
    pub supersedes: Option<String>,
    /// What became of that one's issues.
    pub difference: Vec<DifferenceLine>,
    /// The newer import that took its place.
    pub superseded_by: Option<String>,
    /// Done by its latest job.
    pub done: i64,
    /// In all, where known.
    pub total: Option<i64>,
    /// `bytes` or `rows`.
    pub unit: Option<String>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// What a refused action said.
    pub notice: Option<String>,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A column of a table.
#[derive(Debug, Clone, Default)]
pub struct ColumnLine {
    /// Its name in the file.
    pub column: String,
    /// The field that it fills; empty where it is left out.
    pub field: String,
    /// The field chosen in the form; empty where it is to be left out.
    pub chosen: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Whether a person should look.
    pub guessed: bool,
    /// Why it goes there.
    pub reason: String,
    /// Other fields that it may fill, in words.
    pub alternatives: String,
}

impl ColumnLine {
    fn percent(&self) -> String {
        format!("{:.0} %", self.confidence * 100.0)
    }
}

/// A field that a column may fill.
#[derive(Debug, Clone, Default)]
pub struct FieldChoice {
    /// Wire name.
    pub name: String,
    /// Whether no row can be stored without it.
    pub required: bool,
}

/// What a preview counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportCounts {
    /// Rows read.
    pub rows_read: i64,
    /// Rows without an issue.
    pub rows_valid: i64,
    /// Rows with warnings only.
    pub rows_warned: i64,
    /// Rows with an error.
    pub rows_rejected: i64,
    /// Records not stored yet.
    pub records_new: i64,
    /// Stored with other content.
    pub records_changed: i64,
    /// Stored with the same content.
    pub records_unchanged: i64,
    /// Records stored by this import.
    pub loaded: i64,
}

/// A record as it would be stored.
#[derive(Debug, Clone, Default)]
pub struct SampleLine {
    /// Its key.
    pub key: String,
    /// Where its page is, once it is stored.
    pub address: Option<String>,
    /// Its values, in the order of the page's fields.
    pub values: Vec<String>,
}

/// How often a finding occurs.
#[derive(Debug, Clone, Default)]
pub struct GroupLine {
    /// `error` or `warning`.
    pub severity: String,
    /// Code.
    pub code: String,
    /// How often.
    pub count: i64,
}

/// A finding.
#[derive(Debug, Clone, Default)]
pub struct IssueLine {
    /// Line in the file; 0 for the whole file.
    pub row: i64,
    /// Column.
    pub column: Option<String>,
    /// The value.
    pub value: Option<String>,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What became of the issues of one code.
#[derive(Debug, Clone, Default)]
pub struct DifferenceLine {
    /// The code.
    pub code: String,
    /// Gone.
    pub resolved: i64,
    /// Still there.
    pub remaining: i64,
    /// Not there before.
    pub new: i64,
}

impl ImportPage {
    fn place() -> &'static str {
        "import"
    }

    /// What people call it.
    fn title(&self) -> &str {
        self.file_name.as_deref().unwrap_or(&self.id)
    }

    fn is_working(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "parsing" | "loading" | "rolling_back")
    }

    /// Whether the file was read, so that there is something to show of its rows.
    fn is_read(&self) -> bool {
        !self.is_being_read() && self.counts.rows_read > 0
    }

    /// Whether the file waits to be read, or is being read; a preview follows.
    #[must_use]
    pub fn is_being_read(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "parsing")
    }

    /// Whether the mapping is shown as a form: also where it cannot be sent now, but holds choices that were refused.
    fn has_form(&self) -> bool {
        self.can_map || self.is_kept
    }

    fn can_cancel(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "parsing" | "preview" | "loading")
    }

    fn is_guessed(&self) -> bool {
        self.columns.iter().any(|column| column.guessed)
    }

    /// How far it is, in words.
    fn progress_words(&self) -> String {
        let unit = self.unit.as_deref().unwrap_or("rows");
        match self.total {
            Some(total) => format!("{} of {} {unit}", figure::count(self.done), figure::count(total)),
            None => "not begun".to_owned(),
        }
    }

    /// The rows of the file in a sentence.
    fn rows_words(&self) -> String {
        let counts = &self.counts;
        let mut parts =
            vec![format!("{} read", rows(counts.rows_read)), format!("{} valid", figure::count(counts.rows_valid))];
        if counts.rows_warned > 0 {
            parts.push(format!("{} with warnings", figure::count(counts.rows_warned)));
        }
        if counts.rows_rejected > 0 {
            parts.push(format!("{} rejected, which will not be stored", figure::count(counts.rows_rejected)));
        }
        format!("{}.", parts.join(", "))
    }

    /// What storing them does, or did, in a sentence.
    fn records_words(&self) -> String {
        let counts = &self.counts;
        let against = format!(
            "{} new, {} changed, {} unchanged",
            figure::count(counts.records_new),
            figure::count(counts.records_changed),
            figure::count(counts.records_unchanged)
        );
        if matches!(self.state.as_str(), "completed" | "rolled_back" | "rolling_back") {
            let stored = match counts.loaded {
                0 => return "No records were stored.".to_owned(),
                1 => "1 record was stored".to_owned(),
                loaded => format!("{} records were stored", figure::count(loaded)),
            };
            return format!("{stored}: {against}.");
        }
        format!("Compared with what is stored: {against}.")
    }
}

fn rows(count: i64) -> String {
    format!("{} {}", figure::count(count), if count == 1 { "row" } else { "rows" })
}

/// The page at `/onboarding/{tenant}/imports/{import}`.
pub fn import(page: &ImportPage) -> Result<String, askama::Error> {
    page.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> ImportPage {
        ImportPage {
            tenant_id: "alnor".to_owned(),
            id: "imp_1".to_owned(),
            state: "preview".to_owned(),
            entity: "members".to_owned(),
            entities: vec!["members".to_owned(), "clubs".to_owned()],
            can_map: true,
            columns: vec![
                ColumnLine {
                    column: "Nr".to_owned(),
                    field: "licence_number".to_owned(),
                    chosen: "licence_number".to_owned(),
                    confidence: 0.56,
                    guessed: true,
                    reason: "8 of 8 values are numbers that occur once".to_owned(),
                    ..ColumnLine::default()
                },
                ColumnLine { column: "Colour".to_owned(), ..ColumnLine::default() },
            ],
            fields: vec![
                FieldChoice { name: "licence_number".to_owned(), required: true },
                FieldChoice { name: "email".to_owned(), required: false },
            ],
            counts: ImportCounts { rows_read: 1234, rows_valid: 1230, rows_rejected: 4, ..ImportCounts::default() },
            csrf: "token-1".to_owned(),
            ..ImportPage::default()
        }
    }

    #[test]
    fn a_mapping_is_chosen_and_sent_without_script() {
        let text = import(&page()).unwrap();
        assert!(text.contains("action=\"/onboarding/alnor/imports/imp_1/mapping\""));
        assert!(text.contains("name=\"column-1\"") && text.contains("name=\"column-2\""));
        assert!(text.contains("<option value=\"licence_number\" selected>"), "{text}");
        assert!(text.contains("56 %") && text.contains("8 of 8 values are numbers"));
        assert!(text.contains("1\u{202f}234 rows read, 1\u{202f}230 valid, 4 rejected"));
    }

    #[test]
    fn one_is_not_many() {
        let counts = |loaded| ImportCounts { rows_read: 1, loaded, records_new: loaded, ..ImportCounts::default() };
        let words = |loaded| ImportPage { state: "completed".to_owned(), counts: counts(loaded), ..page() };
        assert_eq!(
            (words(1).records_words(), words(1).rows_words()),
            ("1 record was stored: 1 new, 0 changed, 0 unchanged.".to_owned(), "1 row read, 0 valid.".to_owned())
        );
        let many = "1\u{202f}200 records were stored: 1\u{202f}200 new, 0 changed, 0 unchanged.";
        assert_eq!(words(1200).records_words(), many);
        assert_eq!(words(0).records_words(), "No records were stored.");
    }

    #[test]
    fn only_what_is_possible_is_offered() {
        let offered = |state: &str, action: &str| {
            let shown = ImportPage { state: state.to_owned(), can_map: state == "preview", ..page() };
            import(&shown).unwrap().contains(&format!("action=\"/onboarding/alnor/imports/imp_1/{action}\""))
        };
        for (action, states) in [
            ("confirm", &["preview"][..]),
            ("cancel", &["queued", "parsing", "preview", "loading"]),
            ("rollback", &["completed"]),
            ("mapping", &["preview"]),
        ] {
            for state in ["queued", "parsing", "preview", "loading", "completed", "failed", "cancelled", "rolled_back"]
            {
                assert_eq!(offered(state, action), states.contains(&state), "{action} {state}");
            }
        }
    }

    #[test]
    fn hostile_text_is_escaped() {
        let hostile = "\"><script>alert(1)</script>'".to_owned();
        let mut shown = page();
        for text in [&mut shown.tenant_id, &mut shown.name, &mut shown.id, &mut shown.entity, &mut shown.code] {
            text.clone_from(&hostile);
        }
        shown.file_name = Some(hostile.clone());
        shown.failure = Some(hostile.clone());
        shown.notice = Some(hostile.clone());
        shown.supersedes = Some(hostile.clone());
        shown.superseded_by = Some(hostile.clone());
        shown.next = Some(hostile.clone());
        shown.found = vec![(hostile.clone(), hostile.clone())];
        shown.columns[0].column.clone_from(&hostile);
        shown.columns[0].reason.clone_from(&hostile);
        shown.columns[0].alternatives.clone_from(&hostile);
        shown.sample_fields = vec![hostile.clone()];
        shown.sample =
            vec![SampleLine { key: hostile.clone(), address: Some(hostile.clone()), values: vec![hostile.clone()] }];
        shown.groups = vec![GroupLine { severity: hostile.clone(), code: hostile.clone(), count: 1 }];
        shown.difference = vec![DifferenceLine { code: hostile.clone(), ..DifferenceLine::default() }];
        shown.issues = vec![IssueLine {
            column: Some(hostile.clone()),
            value: Some(hostile.clone()),
            severity: hostile.clone(),
            message: hostile.clone(),
            hint: hostile,
            row: 1,
        }];
        assert!(!import(&shown).unwrap().contains("<script>"));
    }
}
