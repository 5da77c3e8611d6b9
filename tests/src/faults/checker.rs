//! The judge: compares what people were told with the database and with the platform's own log. It shares no code with the
//! product, except that it also asks the product's own `audit verify` for the replay.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

use super::stage::Stage;
use super::traffic::{Book, Effect};

/// What is wrong, in three columns of the table.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Commands that were accepted.
    pub accepted: usize,
    /// Effects, outcomes or rows that are missing.
    pub losses: Vec<String>,
    /// Effects, outcomes or rows that are there more often than once.
    pub duplicates: Vec<String>,
    /// Everything else that must not be.
    pub faults: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.losses.is_empty() && self.duplicates.is_empty() && self.faults.is_empty()
    }

    /// Notes how often something is there that must be there once.
    fn once(&mut self, found: usize, what: impl FnOnce() -> String) {
        match found {
            0 => self.losses.push(what()),
            1 => {}
            _ => self.duplicates.push(format!("{}: {found} times", what())),
        }
    }
}

/// A database that is only read.
pub struct Database(AnyPool);

impl Database {
    /// Connects.
    ///
    /// # Errors
    /// What the driver said.
    pub async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        sqlx::any::install_default_drivers();
        Ok(Self(AnyPool::connect(url).await?))
    }

    async fn rows(&self, statement: &'static str) -> Result<Vec<AnyRow>, sqlx::Error> {
        sqlx::query(statement).fetch_all(&self.0).await
    }

    /// How many jobs and imports are under way; none where the database does not say.
    pub async fn under_way(&self) -> Option<i64> {
        let statement = "select (select count(*) from jobs where state not in ('succeeded', 'failed', 'cancelled'))
                              + (select count(*) from imports where state in ('queued', 'parsing', 'loading', 'rolling_back'))";
        sqlx::query_scalar(statement).fetch_one(&self.0).await.ok()
    }

    /// The state of a job, where the database says it.
    pub async fn job_state(&self, id: &str) -> Option<String> {
        sqlx::query_scalar("select state from jobs where id = $1").bind(id).fetch_optional(&self.0).await.ok()?
    }
}

fn text(row: &AnyRow, column: &str) -> String {
    row.try_get::<Option<String>, _>(column).ok().flatten().unwrap_or_default()
}

fn number(row: &AnyRow, column: &str) -> i64 {
    row.try_get(column).unwrap_or(-1)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An entry of the log, as stored.
struct Entry {
    kind: String,
    tenant: String,
    payload: String,
}

/// Judges a stage that has come to rest.
///
/// # Errors
/// What the database said where it could not be read.
pub async fn judge(stage: &Stage, database: &Database, book: &Book) -> Result<Verdict, sqlx::Error> {
    let mut verdict = Verdict { accepted: book.effects.len(), faults: book.surprises.clone(), ..Verdict::default() };
    let log = chain(database, &mut verdict).await?;
    effects(database, book, &log, &mut verdict).await?;
    records(database, book, &mut verdict).await?;
    jobs(database, &log, &mut verdict).await?;
    platform(database, &mut verdict).await?;
    let (holds, said) = stage.tool(&["audit", "verify"]);
    if !holds {
        verdict.faults.push(format!("`workbench audit verify` says: {said}"));
    }
    Ok(verdict)
}

/// The log has no gap, and each entry's hash is that of its fields and of its predecessor's.
async fn chain(database: &Database, verdict: &mut Verdict) -> Result<Vec<Entry>, sqlx::Error> {
    let mut previous = String::new();
    let mut log = Vec::new();
    for (place, row) in (1..).zip(database.rows("select * from events order by seq").await?) {
        let (seq, at) = (number(&row, "seq"), number(&row, "at"));
        let optional = |column: &str| row.try_get::<Option<String>, _>(column).ok().flatten();
        let fields = [
            Some(previous.clone()),
            Some(seq.to_string()),
            Some(at.to_string()),
            optional("actor"),
            optional("acting_as"),
            optional("kind"),
            optional("tenant_id"),
            optional("checklist_id"),
            optional("payload"),
        ];
        let mut digest = Sha256::new();
        for field in &fields {
            let length = field.as_ref().map_or(u64::MAX, |field| field.len() as u64);
            digest.update(length.to_be_bytes());
            digest.update(field.as_deref().unwrap_or_default());
        }
        let hash = hex(&digest.finalize());
        if seq != place || text(&row, "prev_hash") != previous || text(&row, "hash") != hash {
            verdict.faults.push(format!("the chain of events breaks at {place}"));
            break;
        }
        previous = hash;
        log.push(Entry { kind: text(&row, "kind"), tenant: text(&row, "tenant_id"), payload: text(&row, "payload") });
    }
    let head = database.rows("select seq, hash from event_head").await?;
    if head.len() != 1 || number(&head[0], "seq") != i64::try_from(log.len()).unwrap_or(-1) {
        verdict.faults.push("the log's end is not where the log ends".to_owned());
    }
    Ok(log)
}

/// What was accepted is there, once; and nothing is there that was not asked for.
async fn effects(database: &Database, book: &Book, log: &[Entry], verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    let mut tenants: BTreeMap<String, usize> = BTreeMap::new();
    for row in database.rows("select tenant_id from checklists").await? {
        *tenants.entry(text(&row, "tenant_id")).or_default() += 1;
    }
    let imports = database.rows("select id, tenant_id, state, failure from imports").await?;
    let checks = database
        .rows(
            "select id, tenant_id, finished_at, (select count(*) from probe_results where check_id = health_checks.id) as probes
             from health_checks",
        )
        .await?;
    let mut notes: BTreeMap<String, usize> = BTreeMap::new();
    let mut checked: BTreeMap<String, usize> = BTreeMap::new();
    for entry in log {
        let payload: Value = serde_json::from_str(&entry.payload).unwrap_or_default();
        if let Some(note) = payload["note"].as_str().filter(|_| entry.kind == "step_noted") {
            *notes.entry(format!("{}/{note}", entry.tenant)).or_default() += 1;
        }
        if let Some(check) = payload["check"].as_str().filter(|_| entry.kind == "health_checked") {
            *checked.entry(check.to_owned()).or_default() += 1;
        }
    }
    let mut asked = [0; 4];
    for effect in &book.effects {
        match effect {
            Effect::Opened { tenant } => {
                asked[0] += 1;
                verdict.once(tenants.get(tenant).copied().unwrap_or(0), || format!("the checklist of {tenant}"));
            }
            Effect::Noted { tenant, note } => {
                asked[1] += 1;
                let found = notes.get(&format!("{tenant}/{note}")).copied().unwrap_or(0);
                verdict.once(found, || format!("the note {note} of {tenant}"));
            }
            Effect::Imported { tenant, import, .. } => {
                asked[2] += 1;
                let found = imports.iter().find(|row| text(row, "id") == *import);
                let state = found.map(|row| (text(row, "state"), text(row, "failure"))).unwrap_or_default();
                if state.0 != "completed" {
                    verdict.losses.push(format!("the import {import} of {tenant} is {state:?}"));
                }
            }
            Effect::Checked { tenant, check } => {
                asked[3] += 1;
                let over = checks.iter().find(|row| text(row, "id") == *check && number(row, "finished_at") > 0);
                if over.is_none_or(|row| number(row, "probes") != 3) {
                    verdict.losses.push(format!("the results of the check {check} of {tenant}"));
                }
                verdict.once(checked.get(check).copied().unwrap_or(0), || format!("the event of the check {check}"));
            }
        }
    }
    let found = [tenants.len(), notes.len(), imports.len(), checks.len()];
    let names = ["checklists", "notes", "imports", "health checks"];
    for ((name, asked), found) in names.iter().zip(asked).zip(found) {
        if found > asked {
            verdict.duplicates.push(format!("{asked} {name} were asked for, {found} are there"));
        }
    }
    Ok(())
}

/// Every tenant has the rows of its files, and no others.
async fn records(database: &Database, book: &Book, verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    type Rows = BTreeSet<(String, String, String)>;
    let mut wanted = Rows::new();
    for effect in &book.effects {
        if let Effect::Imported { tenant, rows, .. } = effect {
            wanted.extend(rows.iter().map(|(licence, email)| (tenant.clone(), licence.clone(), email.clone())));
        }
    }
    let mut stored = Rows::new();
    for row in database.rows("select tenant_id, natural_key, fields from records").await? {
        let fields: Value = serde_json::from_str(&text(&row, "fields")).unwrap_or_default();
        let field = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        if !stored.insert((text(&row, "tenant_id"), field("licence_number"), field("email"))) {
            verdict.duplicates.push(format!("the record {} of {}", text(&row, "natural_key"), text(&row, "tenant_id")));
        }
    }
    let (lost, strange) = (wanted.difference(&stored).count(), stored.difference(&wanted).count());
    if lost > 0 {
        verdict.losses.push(format!("{lost} rows of {}", wanted.len()));
    }
    if strange > 0 {
        verdict.duplicates.push(format!("{strange} rows that no file has"));
    }
    Ok(())
}

/// Every job is over, holds no lease, and ended well at most once; its attempts tell the same.
async fn jobs(database: &Database, log: &[Entry], verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    let mut attempts: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for row in database.rows("select job_id, attempt, outcome from job_attempts order by job_id, attempt").await? {
        let one = (number(&row, "attempt"), text(&row, "outcome"));
        attempts.entry(text(&row, "job_id")).or_default().push(one);
    }
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for entry in log.iter().filter(|entry| entry.kind == "job_succeeded") {
        let payload: Value = serde_json::from_str(&entry.payload).unwrap_or_default();
        *told.entry(payload["job"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    for row in database.rows("select id, kind, state, attempt, lease_until, last_error from jobs").await? {
        let (id, state) = (text(&row, "id"), text(&row, "state"));
        let who = format!("the {} {id} ({state})", text(&row, "kind"));
        match state.as_str() {
            "succeeded" => {}
            "failed" | "cancelled" => verdict.losses.push(format!("{who}: {}", text(&row, "last_error"))),
            _ => verdict.faults.push(format!("{who} is not over")),
        }
        if row.try_get::<Option<i64>, _>("lease_until").ok().flatten().is_some() {
            verdict.faults.push(format!("{who} holds a lease"));
        }
        let own = attempts.remove(&id).unwrap_or_default();
        let numbers: Vec<i64> = own.iter().map(|(attempt, _)| *attempt).collect();
        if numbers != (1..=number(&row, "attempt")).collect::<Vec<_>>() {
            verdict.faults.push(format!("{who} has the attempts {numbers:?}"));
        }
        if own.iter().any(|(_, outcome)| outcome.is_empty()) {
            verdict.faults.push(format!("an attempt of {who} never ended"));
        }
        let well = own.iter().filter(|(_, outcome)| outcome == "succeeded").count();
        let well = well.max(told.get(&id).copied().unwrap_or(0));
        if state == "succeeded" {
            verdict.once(well, || format!("the outcome of {who}"));
        } else if well > 0 {
            verdict.duplicates.push(format!("{who} ended well besides"));
        }
    }
    Ok(())
}

/// The platform saw a transaction for every probe that says it made one, and no more than the attempts account for.
async fn platform(database: &Database, verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    let mut seen: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    let calls =
        "select tenant_id, count(*) as many from sandbox_calls where call = 'POST /transactions' group by tenant_id";
    let said = "select c.tenant_id as tenant_id, count(*) as many from probe_results p join health_checks c on c.id = p.check_id
         where p.probe = 'sample_transaction' and p.status in ('pass', 'warn') group by c.tenant_id";
    // A probe tries twice.
    let most =
        "select j.tenant_id as tenant_id, 2 * count(*) as many from jobs j join job_attempts a on a.job_id = j.id
         where j.kind = 'health_check' group by j.tenant_id";
    for (place, statement) in [calls, said, most].into_iter().enumerate() {
        for row in database.rows(statement).await? {
            seen.entry(text(&row, "tenant_id")).or_default()[place] = number(&row, "many");
        }
    }
    for (tenant, [calls, said, most]) in seen {
        if calls < said || calls > most {
            let how = format!(
                "the platform of {tenant} saw {calls} transactions; {said} were reported, {most} were possible"
            );
            verdict.faults.push(how);
        }
    }
    Ok(())
}
