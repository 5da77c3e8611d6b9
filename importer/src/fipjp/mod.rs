//! Federation submissions: an envelope in JSON with a header, a signed body of records, attachments and a signature.
//! The format is ours and documented in `docs/formats/fipjp.md`.
//!
//! A signature vouches for all of a body or for nothing, so a submission is held in memory and nothing of it is given
//! out before it has been verified. Its size is limited accordingly.

mod attachments;
mod envelope;
mod signature;
mod signers;

use std::borrow::Cow;
use std::io::Read;

use chrono::NaiveDate;

use crate::decoding::DecodingNotes;
use crate::failure::{OpenError, ReadError};
use crate::format::Entity;
use crate::import::{Detected, Item, MappedColumn, Options, TextStream, refuse_entity};
use crate::issue::Issue;
use crate::json::{JsonValue, parse};
use crate::record::RecordKind;
use crate::rows::{Cleaner, FieldSpec, Judge, Values, fields};

pub use signers::{SignerError, Signers, UnknownSigner};

use envelope::Envelope;

/// Longest submission, in bytes of text: 4 MiB. It is held in memory several times over: as text, as values, and as
/// what is signed.
const MAX_SUBMISSION_BYTES: usize = 4 * 1024 * 1024;

/// Unknown fields listed in an issue at most.
const LISTED: usize = 12;

/// What to do where the sender must correct the submission.
const ASK_SENDER: &str = "Ask the sender to correct the submission; docs/formats/fipjp.md says what it must be.";

/// A refusal of the submission as a whole.
fn refuse(code: &'static str, why: impl Into<String>) -> OpenError {
    OpenError::Submission { code, why: why.into(), hint: ASK_SENDER }
}

/// A submission whose records are being given out.
pub(crate) struct FipjpImport {
    records: std::vec::IntoIter<JsonValue>,
    row: u64,
    specs: &'static [FieldSpec],
    judge: Judge,
    today: NaiveDate,
    opening_issues: Vec<Issue>,
    closing_issues: Vec<Issue>,
}

impl FipjpImport {
    /// Reads and verifies the submission; completes `detected`.
    pub(crate) fn open(
        stream: TextStream,
        notes: &DecodingNotes,
        options: &Options,
        detected: &mut Detected,
    ) -> Result<Self, OpenError> {
        let mut bytes = Vec::new();
        let limit = MAX_SUBMISSION_BYTES as u64 + 1;
        stream.take(limit).read_to_end(&mut bytes).map_err(|error| OpenError::Read(ReadError::from_io(error)))?;
        if bytes.len() > MAX_SUBMISSION_BYTES {
            return Err(OpenError::Submission {
                code: "submission_too_large",
                why: "it is longer than 4 MiB".to_owned(),
                hint: "Split it into several submissions, and send large attachments by their digest only.",
            });
        }
        // Decoding gives valid UTF-8, so nothing is lost here.
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\u{1a}', '\n', '\r', ' ', '\t']);
        let value = parse(text).map_err(|fault| {
            let line = 1 + text.bytes().take(fault.at).filter(|byte| *byte == b'\n').count();
            match fault.code {
                _ if fault.unfinished => {
                    OpenError::Read(ReadError::Unfinished { line: line as u64, missing: "the envelope is closed" })
                }
                code => refuse(code, format!("line {line}: {}", fault.why)),
            }
        })?;
        let envelope = Envelope::take(value)?;
        refuse_entity(
            options.entity,
            envelope.entity,
            &format!("a submission of type {}", envelope.submission_type),
            "the header says what its records are",
        )?;
        let mut opening_issues = Vec::new();
        let standing = signature::verify(&envelope, &options.signers, &mut opening_issues)?;
        attachments::check(&envelope, &mut opening_issues)?;
        if notes.foreign_bytes.load(std::sync::atomic::Ordering::Relaxed) > 0 {
            return Err(refuse("text_malformed", "it holds bytes that are no UTF-8"));
        }

        detected.entity = envelope.entity;
        detected.mapping = fields::of(envelope.entity)
            .iter()
            .map(|spec| MappedColumn::declared(spec.name, spec.name, "the name of the field"))
            .collect();
        for (name, value) in [
            ("submission_id", &envelope.submission_id),
            ("submission_type", &envelope.submission_type),
            ("federation", &envelope.federation),
            ("created_at", &envelope.created_at),
            ("signature", &standing),
        ] {
            detected.details.insert(name.to_owned(), value.clone());
        }
        let mut closing_issues = unknown_fields(&envelope.records, envelope.entity);
        if envelope.records.is_empty() {
            let hint = "Check that the sender chose what to submit.";
            closing_issues.push(Issue::warning("no_rows", 0, "the submission has no records", hint));
        }
        Ok(Self {
            records: envelope.records.into_iter(),
            row: 0,
            specs: fields::of(envelope.entity),
            judge: Judge::new(
                RecordKind::of_rows(envelope.entity),
                fields::of(envelope.entity).iter().map(|spec| spec.judged(spec.name)).collect(),
                fields::key_of(envelope.entity),
            ),
            today: options.today,
            opening_issues,
            closing_issues,
        })
    }

    /// The next record, or the findings about the whole submission.
    pub(crate) fn next_item(&mut self) -> Option<Result<Item, ReadError>> {
        if !self.opening_issues.is_empty() {
            return Some(Ok(Item::File { issues: std::mem::take(&mut self.opening_issues) }));
        }
        if let Some(record) = self.records.next() {
            self.row += 1;
            return Some(Ok(self.record(&record)));
        }
        let mut issues = std::mem::take(&mut self.closing_issues);
        issues.extend(self.judge.take_closing_issue());
        (!issues.is_empty()).then_some(Ok(Item::File { issues }))
    }

    fn record(&mut self, record: &JsonValue) -> Item {
        let row = self.row;
        if !matches!(record, JsonValue::Object(_)) {
            let message = "the record is no object";
            return Item::row(row, Vec::new(), vec![Issue::error("record_not_object", row, message, ASK_SENDER)]);
        }
        let mut cleaner = Cleaner::new(row, self.today);
        let mut values = Vec::with_capacity(self.specs.len());
        for spec in self.specs {
            let raw = match record.get(spec.name) {
                None | Some(JsonValue::Null) => Cow::Borrowed(""),
                Some(JsonValue::Text(text) | JsonValue::Number(text)) => Cow::Borrowed(text.as_str()),
                Some(JsonValue::Truth(truth)) => Cow::Owned(truth.to_string()),
                Some(JsonValue::List(_) | JsonValue::Object(_)) => {
                    let message = "there is a list or an object where a single value belongs";
                    cleaner.refuse("value_not_scalar", spec.name, "", message, ASK_SENDER);
                    Cow::Borrowed("")
                }
            };
            values.push(cleaner.clean(spec.name, spec.kind, &raw).map(|value| Cow::Owned(value.into_owned())));
        }
        self.judge.judge(row, &Values::of(&values), cleaner.into_issues())
    }
}

/// One warning for the fields that a type does not have.
fn unknown_fields(records: &[JsonValue], entity: Entity) -> Vec<Issue> {
    let specs = fields::of(entity);
    let mut unknown = std::collections::BTreeSet::new();
    for record in records {
        let JsonValue::Object(members) = record else { continue };
        for (name, _) in members.iter().filter(|(name, _)| specs.iter().all(|spec| spec.name != name)) {
            if unknown.len() < LISTED {
                unknown.insert(crate::issue::shorten(name));
            }
        }
    }
    if unknown.is_empty() {
        return Vec::new();
    }
    let listed = unknown.into_iter().collect::<Vec<_>>().join(", ");
    let message = format!("records have fields that this type does not have: {listed}");
    let hint = "They are left out; docs/formats/fipjp.md lists the fields of each type.";
    vec![Issue::warning("unmapped_column", 0, message, hint).value(&listed)]
}
