//! Reading by profile: each layout cuts its file into rows of raw values, and here a row's values are cleaned, judged
//! and made into a record, the same for every layout.

mod delimited;
mod fixed_width;
mod json;
mod left_out;
mod xml;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::decoding::DecodingNotes;
use crate::failure::{OpenError, ReadError};
use crate::import::{Detected, Item, MappedColumn, Options, TextStream, decoding_issue, refuse_entity};
use crate::issue::Issue;
use crate::profile::{Column, Profile, ProfileFormat};
use crate::record::RecordKind;
use crate::reference::Reference;
use crate::rows::{Cleaner, Judge, Values};

/// A row as its layout gives it.
#[derive(Debug, Default, PartialEq)]
struct RawRow {
    /// Where it is; see [`crate::Record::row`].
    row: u64,
    /// One value per column of the profile; `None` where the file has none.
    cells: Vec<Option<String>>,
    /// What was found about the row's shape. An error keeps its values from being looked at.
    issues: Vec<Issue>,
}

impl RawRow {
    /// A row that cannot be read.
    fn refused(row: u64, issue: Issue) -> Self {
        Self { row, cells: Vec::new(), issues: vec![issue] }
    }
}

/// A layout: cuts a file into rows.
trait RowSource: Send {
    /// The next row; `None` at the end of a file that ends as it should.
    fn next_row(&mut self) -> Result<Option<RawRow>, ReadError>;

    /// What is to be said about the file once it has ended.
    fn closing_issues(&self) -> Vec<Issue> {
        Vec::new()
    }
}

/// A file being read by a profile.
pub(crate) struct ProfiledImport {
    source: Box<dyn RowSource>,
    profile: Arc<Profile>,
    notes: Arc<DecodingNotes>,
    today: NaiveDate,
    judge: Judge,
    rows: u64,
    opening_issues: Vec<Issue>,
    ended: bool,
}

impl ProfiledImport {
    /// Finds the first row; completes `detected`.
    pub(crate) fn open(
        stream: TextStream,
        notes: Arc<DecodingNotes>,
        head: &str,
        profile: Arc<Profile>,
        options: &Options,
        detected: &mut Detected,
    ) -> Result<Self, OpenError> {
        let entity = profile.entity();
        let holds = format!("the profile {} reads {entity}", profile.name());
        refuse_entity(options.entity, entity, &holds, "the profile says what its rows are")?;
        if !options.mapping.is_empty() {
            let why = format!("the profile {} says already where each value goes", profile.name());
            return Err(OpenError::Mapping { why });
        }
        let has_header = profile.has_header();
        if profile.layout() == ProfileFormat::Csv && options.header.is_some_and(|said| said != has_header) {
            let says = if has_header { "the first line names the columns" } else { "the first line is a row" };
            return Err(OpenError::Mapping { why: format!("the profile {} says that {says}", profile.name()) });
        }
        detected.entity = entity;
        detected.details.insert("profile".into(), profile.name().to_owned());
        detected.details.insert("profile_version".into(), profile.version().to_string());
        detected.mapping = profile
            .columns()
            .iter()
            .map(|column| MappedColumn::declared(&column.label, &column.field, "the profile says so"))
            .collect();
        let mut opening_issues = Vec::new();
        let source: Box<dyn RowSource> = match profile.layout() {
            ProfileFormat::Csv => {
                Box::new(delimited::Delimited::open(stream, head, &profile, detected, &mut opening_issues)?)
            }
            ProfileFormat::FixedWidth => Box::new(fixed_width::FixedWidth::open(stream, &profile)?),
            ProfileFormat::Json => Box::new(json::JsonRows::open(stream, head, &profile)?),
            ProfileFormat::Xml => Box::new(xml::XmlRows::open(stream, &profile)?),
        };
        Ok(Self {
            source,
            notes,
            today: options.today,
            judge: Judge::new(
                RecordKind::of_rows(entity),
                profile.columns().iter().map(Column::judged).collect(),
                &[profile.natural_key().map_or("", |column| column.field.as_str())],
            ),
            rows: 0,
            opening_issues,
            ended: false,
            profile,
        })
    }

    /// The next row, or the findings about the whole file.
    pub(crate) fn next_item(&mut self) -> Option<Result<Item, ReadError>> {
        if !self.opening_issues.is_empty() {
            return Some(Ok(Item::File { issues: std::mem::take(&mut self.opening_issues) }));
        }
        if self.ended {
            return None;
        }
        match self.source.next_row() {
            Err(error) => Some(Err(error)),
            Ok(Some(raw)) => {
                self.rows += 1;
                Some(Ok(self.row(raw)))
            }
            Ok(None) => {
                self.ended = true;
                let issues = self.closing_issues();
                (!issues.is_empty()).then_some(Ok(Item::File { issues }))
            }
        }
    }

    fn row(&mut self, raw: RawRow) -> Item {
        let RawRow { row, cells, mut issues } = raw;
        if issues.iter().any(|issue| issue.severity == crate::Severity::Error) {
            return Item::row(row, Vec::new(), issues);
        }
        if cells.iter().flatten().all(|cell| cell.trim().is_empty()) {
            let hint = "Nothing to do: the row is skipped.";
            issues.push(Issue::warning("row_blank", row, "the row has no values", hint));
            return Item::row(row, Vec::new(), issues);
        }
        let mut cleaner = Cleaner::new(row, self.today);
        let columns = self.profile.columns().iter();
        let values: Vec<Option<Cow<'_, str>>> = cells
            .iter()
            .zip(columns)
            .map(|(cell, column)| cell.as_deref().and_then(|cell| column.clean(&mut cleaner, cell)))
            .collect();
        issues.extend(cleaner.into_issues());
        let mut item = self.judge.judge(row, &Values::of(&values), issues);
        if let Item::Row { references, rejected: false, .. } = &mut item {
            let columns = self.profile.columns().iter().zip(&values);
            *references = columns
                .filter_map(|(column, value)| {
                    let key = value.as_deref()?.to_owned();
                    Some(Reference { kind: column.reference?, key, column: column.label.clone() })
                })
                .collect();
        }
        item
    }

    fn closing_issues(&self) -> Vec<Issue> {
        let mut issues = self.source.closing_issues();
        if self.rows == 0 {
            issues.push(Issue::warning(
                "no_rows",
                0,
                "the file has no rows",
                "Check that the export was not filtered, and that the profile fits the file.",
            ));
        }
        issues.extend(self.judge.closing_issue());
        issues.extend(decoding_issue(&self.notes, "UTF-8", "Windows-1252"));
        issues
    }
}

/// The first of several values that is not empty.
fn first_with_value(values: impl Iterator<Item = Option<String>>) -> Option<String> {
    values.flatten().find(|value| !value.trim().is_empty())
}
