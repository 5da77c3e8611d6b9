//! Reads an uploaded file and stores what a person should see before anything is loaded.

use std::collections::BTreeSet;

use chrono::Utc;
use serde_json::{Value, json};
use workbench_engine::job::Job;
use workbench_engine::log::Actor;
use workbench_engine::store::{Counts, NewIssue, PreviewResult};

use crate::Context;
use crate::attempt::Failure;
use crate::reading::{Part, Referral, Rows, read};

/// Records shown as they would be stored.
const SAMPLE: usize = 10;

/// Records longer than this are not shown, in bytes.
const SAMPLE_BYTES: usize = 8 * 1024;

/// Findings removed in one transaction.
const FORGOTTEN: i64 = 10_000;

/// Runs the job. Beginning again is beginning anew: nothing of a preview that was cut off is kept.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let import_id = job.subject_id.as_deref().unwrap_or_default();
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    let import = tx.begin_preview(job, import_id).await?;
    tx.commit().await?;
    forget(context, job, import_id).await?;

    let mut parts = read(context, &import).await?;
    let has_records = context.store.has_records(&job.tenant_id).await?;
    let mut preview =
        Preview { has_records, detected: Value::Null, sample: Vec::new(), counts: Counts::default(), issues: 0 };
    let (mut format, mut entity, mut guessed) = (String::new(), String::new(), false);
    loop {
        match parts.next().await? {
            Part::End => break,
            Part::Detected(detected) => {
                format = detected.format.to_string();
                entity = detected.entity.to_string();
                guessed = detected.is_guessed();
                preview.detected = json!(detected);
                let lease = context.settings.lease_delta();
                let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
                tx.note_detected(job, import_id, &preview.detected, import.size, lease).await?;
                tx.commit().await?;
            }
            Part::Rows(mut rows) => {
                follow(context, &job.tenant_id, &mut rows).await?;
                preview.count(context, &job.tenant_id, &rows).await?;
                let done = i64::try_from(rows.bytes).unwrap_or(i64::MAX);
                preview.store_issues(context, job, import_id, &rows.issues, done, import.size).await?;
            }
            Part::File(issues) => {
                preview.store_issues(context, job, import_id, &issues, 0, import.size).await?;
            }
        }
    }
    let compared = context.store.compare_findings(&import, &entity).await?;
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    let result = PreviewResult {
        format,
        entity,
        detected: preview.detected,
        sample: Value::Array(preview.sample),
        counts: preview.counts,
        guessed,
        compared,
    };
    tx.finish_preview(job, import_id, &result, context.settings.preview_window()).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes what an earlier attempt or mapping found, in steps: heartbeats and other writers wait for each of them.
async fn forget(context: &Context, job: &Job, import_id: &str) -> Result<(), Failure> {
    let mut removed = FORGOTTEN;
    while removed == FORGOTTEN {
        let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
        tx.progress(job, 0, None, "bytes", context.settings.lease_delta()).await?;
        removed = i64::try_from(tx.remove_issues(import_id, FORGOTTEN).await?).unwrap_or(FORGOTTEN);
        tx.commit().await?;
    }
    Ok(())
}

/// Warns of references to records that are not stored. A warning, never an error: what the preview shows is what is
/// loaded, and the records may come in between.
async fn follow(context: &Context, tenant_id: &str, rows: &mut Rows) -> Result<(), Failure> {
    let mut warned = BTreeSet::new();
    for referrals in rows.references.chunks(500) {
        let keys: Vec<(&str, &str)> =
            referrals.iter().map(|referral| (referral.to.kind.as_str(), referral.to.key.as_str())).collect();
        let unknown = context.store.unknown_keys(tenant_id, &keys).await?;
        for Referral { line, row_key, unremarked, to } in referrals {
            let (kind, key) = (to.kind.as_str(), to.key.as_str());
            if !unknown.contains(&(kind, key)) {
                continue;
            }
            if *unremarked {
                warned.insert(*line);
            }
            rows.issues.push(NewIssue {
                severity: "warning".to_owned(),
                code: "reference_unknown".to_owned(),
                line: *line,
                column: Some(to.column.clone()),
                value: Some(key.chars().take(80).collect()),
                message: format!("there is no {kind} with this key"),
                hint: format!("Import the {kind}s first, or correct the value; the row is stored as it is."),
                row_key: Some(*row_key),
            });
        }
    }
    rows.issues.sort_by_key(|issue| issue.line);
    rows.warned += i64::try_from(warned.len()).unwrap_or(i64::MAX);
    Ok(())
}

struct Preview {
    /// Whether there is anything to compare with.
    has_records: bool,
    detected: Value,
    sample: Vec<Value>,
    counts: Counts,
    issues: i64,
}

impl Preview {
    async fn count(&mut self, context: &Context, tenant_id: &str, rows: &Rows) -> Result<(), Failure> {
        for record in rows.records.iter().take(SAMPLE.saturating_sub(self.sample.len())) {
            // A record of a megabyte helps nobody, and would come along with every answer about the import.
            if record.fields.len() > SAMPLE_BYTES {
                continue;
            }
            let fields: Value = serde_json::from_str(&record.fields).unwrap_or_default();
            self.sample.push(json!({ "kind": record.kind, "key": record.natural_key, "fields": fields }));
        }
        let counts = &mut self.counts;
        counts.rows_read += rows.read;
        counts.rows_warned += rows.warned;
        counts.rows_rejected += rows.rejected;
        counts.rows_valid += rows.read - rows.warned - rows.rejected;
        let count = i64::try_from(rows.records.len()).unwrap_or(i64::MAX);
        counts.records += count;
        if !self.has_records {
            counts.records_new += count;
            return Ok(());
        }
        for records in rows.records.chunks(500) {
            let (new, changed, unchanged) = context.store.compare(tenant_id, records).await?;
            counts.records_new += new;
            counts.records_changed += changed;
            counts.records_unchanged += unchanged;
        }
        Ok(())
    }

    async fn store_issues(
        &mut self,
        context: &Context,
        job: &Job,
        import_id: &str,
        issues: &[NewIssue],
        done: i64,
        total: i64,
    ) -> Result<(), Failure> {
        let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
        tx.progress(job, done, Some(total), "bytes", context.settings.lease_delta()).await?;
        tx.add_issues(import_id, self.issues + 1, issues).await?;
        tx.commit().await?;
        self.issues += i64::try_from(issues.len()).unwrap_or(i64::MAX);
        Ok(())
    }
}
