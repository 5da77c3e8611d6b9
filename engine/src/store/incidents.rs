//! Incidents: opened, closed and told in the transaction that stores the health check.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{HealthCheck, NotificationKind, Store, StoreError, Tenant, Tx};
use crate::incident::{self, Finding, News, ProbeNews, TOLD_PROBES, TenantName, Turn, told};
use crate::log::NewEntry;

/// A tenant's health from where it failed until it no longer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// `inc_` and a ULID.
    pub id: String,
    /// Whose health.
    pub tenant_id: String,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// The health check that failed first.
    pub opened_by_check: String,
    /// When it closed; absent while it is open.
    pub closed_at: Option<DateTime<Utc>>,
    /// The health check that no longer failed.
    pub closed_by_check: Option<String>,
}

/// Which incidents are wanted, newest first.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// Only those that are open.
    pub open: bool,
    /// Only of this tenant.
    pub tenant_id: Option<String>,
    /// Only before this one: time of opening and id.
    pub before: Option<(DateTime<Utc>, String)>,
    /// At most so many.
    pub limit: i64,
}

/// What is known about a check besides its result.
pub(super) struct Circumstances<'a> {
    /// Whether it is the one that speaks for the tenant's health.
    pub newest: bool,
    /// Whether failures are expected.
    pub expected: bool,
    /// Ids of the gates that it closed.
    pub closed_gates: Vec<String>,
    /// Why it came to no result.
    pub error: Option<&'a str>,
}

fn read(row: &AnyRow) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: row.text("id")?,
        tenant_id: row.text("tenant_id")?,
        opened_at: row.time("opened_at")?,
        opened_by_check: row.text("opened_by_check")?,
        closed_at: row.maybe_time("closed_at")?,
        closed_by_check: row.maybe_text("closed_by_check")?,
    })
}

impl Store {
    /// Incidents, newest first.
    pub async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        let (before_at, before_id) =
            filter.before.as_ref().map_or((i64::MAX, ""), |(at, id)| (micros(*at), id.as_str()));
        // Only what is asked for is in the statement, so that an index serves each filter.
        let open = if filter.open { " and closed_at is null" } else { "" };
        let tenant = if filter.tenant_id.is_some() { " and tenant_id = $4" } else { "" };
        let statement = format!(
            "select * from incidents
             where (opened_at < $1 or (opened_at = $1 and id < $2)){open}{tenant}
             order by opened_at desc, id desc limit $3"
        );
        let mut query = sqlx::query(AssertSqlSafe(statement)).bind(before_at).bind(before_id).bind(filter.limit);
        if let Some(tenant_id) = &filter.tenant_id {
            query = query.bind(tenant_id);
        }
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// One incident.
    pub async fn incident(&self, id: &str) -> Result<Incident, StoreError> {
        let row = sqlx::query("select * from incidents where id = $1").bind(id).fetch_optional(&self.pool).await?;
        read(&row.ok_or_else(|| StoreError::not_found("incident", id))?)
    }
}

impl Tx {
    /// Lets the tenant's incident follow a check; `check` is the one that speaks for its health. The tenant is held by the
    /// caller.
    pub(super) async fn follow_incident(
        &mut self,
        tenant: &Tenant,
        check: &HealthCheck,
        circumstances: &Circumstances<'_>,
    ) -> Result<(), StoreError> {
        let open = sqlx::query("select * from incidents where tenant_id = $1 and closed_at is null").bind(&tenant.id);
        let open = self.maybe_row(open).await?.as_ref().map(read).transpose()?;
        let aggregate = check.aggregate.as_deref().unwrap_or_default();
        let finding = Finding { aggregate, newest: circumstances.newest, expected: circumstances.expected };
        let now = self.now();
        match (incident::follow(open.is_some(), finding), open) {
            (Some(Turn::Opens), None) => {
                let id = format!("inc_{}", Ulid::from_datetime(now.into()));
                self.execute(
                    sqlx::query(
                        "insert into incidents (id, tenant_id, opened_at, opened_by_check) values ($1, $2, $3, $4)",
                    )
                    .bind(&id)
                    .bind(&tenant.id)
                    .bind(micros(now))
                    .bind(&check.id),
                )
                .await?;
                let news = news(&id, now, None, tenant, check, circumstances);
                self.tell("incident_opened", NotificationKind::Failed, &news).await
            }
            (Some(Turn::Closes), Some(open)) => {
                self.execute(
                    sqlx::query("update incidents set closed_at = $1, closed_by_check = $2 where id = $3")
                        .bind(micros(now))
                        .bind(&check.id)
                        .bind(&open.id),
                )
                .await?;
                let news = news(&open.id, open.opened_at, Some(now), tenant, check, circumstances);
                self.tell("incident_closed", NotificationKind::Recovered, &news).await
            }
            _ => Ok(()),
        }
    }

    /// Logs what became of an incident, and has it announced.
    async fn tell(&mut self, event: &str, kind: NotificationKind, news: &News) -> Result<(), StoreError> {
        self.record(NewEntry::of_tenant(
            event,
            &news.tenant.id,
            json!({
                "incident": news.incident,
                "check": news.check,
                "aggregate": news.status,
                "probes": news.probes,
                "closed_gates": news.closed_gates,
                "error": news.error,
            }),
        ));
        self.notify(kind, news).await
    }
}

fn news(
    incident: &str,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    tenant: &Tenant,
    check: &HealthCheck,
    circumstances: &Circumstances<'_>,
) -> News {
    let not_passed = check.probes.iter().filter(|probe| probe.status != "pass").take(TOLD_PROBES);
    News {
        incident: incident.to_owned(),
        tenant: TenantName { id: tenant.id.clone(), name: tenant.name.clone(), country: tenant.country.clone() },
        opened_at,
        closed_at,
        check: check.id.clone(),
        checked_at: check.checked_at,
        status: check.aggregate.clone().unwrap_or_default(),
        probes: not_passed
            .map(|probe| ProbeNews {
                probe: probe.probe.clone(),
                status: probe.status.clone(),
                message: told(&probe.message),
                hint: told(&probe.hint),
            })
            .collect(),
        closed_gates: circumstances.closed_gates.clone(),
        error: circumstances.error.map(told),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::definition::Retry;
    use crate::job::{Job, JobCommand, JobKind};
    use crate::store::fixture::{begin, store};
    use crate::store::{HealthOutcome, JobFilter, NewJob, NewMaintenanceWindow, ProbeRow, Recipient};

    /// Asks for a check and claims its job.
    async fn asked(store: &Store) -> (String, Job) {
        let mut tx = begin(store).await;
        let retry = Retry { max_attempts: 1, ..Retry::default() };
        let (check, job) =
            tx.request_health_check(NewJob::new(JobKind::HealthCheck, "svbf", retry)).await.expect("it is stored");
        let job = tx.command_job(&job, &claim()).await.expect("it is due");
        tx.commit().await.expect("the transaction is kept");
        (check, job)
    }

    fn claim() -> JobCommand {
        JobCommand::Claim { worker: "w".to_owned(), lease: Duration::from_mins(1) }
    }

    fn outcome(aggregate: &str, checked_at: DateTime<Utc>) -> HealthOutcome {
        let probe = ProbeRow {
            probe: "sample_login".to_owned(),
            status: aggregate.to_owned(),
            message: "no login".to_owned(),
            hint: "ask".to_owned(),
            started_at: checked_at,
            duration_ms: 1,
            attempts: 1,
            trace: json!([]),
            measures: None,
            earlier: None,
        };
        HealthOutcome { aggregate: aggregate.to_owned(), checked_at, generation: 1, probes: vec![probe] }
    }

    async fn finish(tx: &mut Tx, (check, job): &(String, Job), aggregate: &str) {
        let outcome = outcome(aggregate, Utc::now());
        tx.finish_health_check(job, check, &outcome).await.expect("the result is stored");
    }

    async fn checked(store: &Store, aggregate: &str) {
        let asked = asked(store).await;
        let mut tx = begin(store).await;
        finish(&mut tx, &asked, aggregate).await;
        tx.commit().await.expect("the transaction is kept");
    }

    async fn incidents(store: &Store) -> Vec<Incident> {
        store.incidents(&IncidentFilter { limit: 10, ..IncidentFilter::default() }).await.expect("they can be read")
    }

    async fn announcements(store: &Store) -> Vec<Job> {
        let filter = JobFilter { kind: Some(JobKind::Announce), limit: 10, ..JobFilter::default() };
        store.jobs(&filter).await.expect("jobs can be read")
    }

    #[tokio::test]
    async fn a_night_of_failures_is_one_incident_with_one_message_each_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder).await;
        for aggregate in ["pass", "fail", "fail", "fail", "warn", "pass"] {
            checked(&store, aggregate).await;
        }
        let found = incidents(&store).await;
        assert_eq!(found.len(), 1);
        assert!(found[0].closed_at.is_some_and(|at| at >= found[0].opened_at));
        let mut told = Vec::new();
        for job in announcements(&store).await {
            let notification =
                store.notification(job.subject_id.as_deref().unwrap_or_default()).await.expect("it is stored");
            told.push((notification.kind, notification.news.status, notification.news.probes.len()));
        }
        let expected =
            [(NotificationKind::Recovered, "warn".to_owned(), 1), (NotificationKind::Failed, "fail".to_owned(), 1)];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn result_incident_and_message_are_kept_together_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder).await;
        let asked = asked(&store).await;
        let mut tx = begin(&store).await;
        finish(&mut tx, &asked, "fail").await;
        drop(tx);
        assert!(incidents(&store).await.is_empty() && announcements(&store).await.is_empty());
        let mut tx = begin(&store).await;
        finish(&mut tx, &asked, "fail").await;
        let entries = tx.commit().await.expect("the transaction is kept");
        let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.as_str()).collect();
        assert_eq!(kinds, ["job_succeeded", "health_checked", "incident_opened", "job_queued"]);
        assert_eq!((incidents(&store).await.len(), announcements(&store).await.len()), (1, 1));
    }

    #[tokio::test]
    async fn evidence_that_comes_late_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder).await;
        let (late, early) = (asked(&store).await, Utc::now());
        checked(&store, "pass").await;
        let mut tx = begin(&store).await;
        tx.finish_health_check(&late.1, &late.0, &outcome("fail", early)).await.expect("the result is stored");
        tx.commit().await.expect("the transaction is kept");
        assert!(incidents(&store).await.is_empty());
    }

    #[tokio::test]
    async fn a_window_hides_a_failure_until_the_first_check_after_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder).await;
        let mut tx = begin(&store).await;
        let now = tx.now();
        let new = NewMaintenanceWindow {
            tenant_id: Some("svbf".to_owned()),
            starts_at: now,
            ends_at: now + chrono::TimeDelta::hours(1),
            reason: "an update".to_owned(),
        };
        let window = tx.open_maintenance(&new).await.expect("it opens");
        tx.commit().await.expect("the transaction is kept");
        checked(&store, "fail").await;
        assert!(incidents(&store).await.is_empty());
        let mut tx = begin(&store).await;
        tx.end_maintenance(&window.id, None).await.expect("it ends");
        tx.commit().await.expect("the transaction is kept");
        checked(&store, "fail").await;
        assert_eq!(incidents(&store).await.len(), 1);
    }

    #[tokio::test]
    async fn a_check_whose_job_died_opens_an_incident_that_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder).await;
        let (_, job) = asked(&store).await;
        let mut tx = begin(&store).await;
        let failed = JobCommand::Fail {
            attempt: 1,
            error: "no memory".to_owned(),
            retryable: false,
            jitter: 0.0,
            not_within: None,
        };
        tx.command_job(&job.id, &failed).await.expect("it is ours");
        tx.commit().await.expect("the transaction is kept");
        let announced = announcements(&store).await;
        let notification =
            store.notification(announced[0].subject_id.as_deref().unwrap_or_default()).await.expect("it is stored");
        assert_eq!(notification.news.error.as_deref(), Some("no memory"));
    }

    #[tokio::test]
    async fn an_announcement_is_made_once_under_the_fence() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(&folder).await;
        checked(&store, "fail").await;
        let mut tx = begin(&store).await;
        let job = tx.command_job(&announcements(&store).await[0].id, &claim()).await.expect("it is due");
        tx.commit().await.expect("the transaction is kept");
        let recipients =
            ["ops", "team"].map(|channel| Recipient { channel: channel.to_owned(), retry: Retry::default() });
        let mut tx = begin(&store).await;
        tx.announce(&job, &recipients).await.expect("it is ours");
        drop(tx);
        let incident = incidents(&store).await[0].id.clone();
        assert!(store.deliveries(&incident).await.expect("they can be read").is_empty());
        let mut tx = begin(&store).await;
        tx.announce(&job, &recipients).await.expect("it is ours");
        tx.commit().await.expect("the transaction is kept");
        let mut tx = begin(&store).await;
        assert!(tx.announce(&job, &recipients).await.is_err());
        drop(tx);
        let made = store.deliveries(&incident).await.expect("they can be read");
        let channels: Vec<&str> = made.iter().map(|delivery| delivery.channel.as_str()).collect();
        assert_eq!(channels, ["ops", "team"]);
        let mut tx = begin(&store).await;
        let sent = tx.command_job(&made[0].job_id, &claim()).await.expect("it is due");
        tx.finish_delivery(&sent, &made[0].id).await.expect("it is ours");
        tx.commit().await.expect("the transaction is kept");
        let made = store.deliveries(&incident).await.expect("they can be read");
        assert_eq!((made[0].delivered_at.is_some(), made[1].delivered_at.is_some()), (true, false));
    }
}
