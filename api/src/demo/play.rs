//! Carrying a story out: each act in a transaction of its own, as the daemon and its workers would have done it then.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use workbench_engine::checklist::{Command, StepPatch, StepStatus};
use workbench_engine::definition::{Loaded, Retry};
use workbench_engine::job::{Job, JobCommand, JobKind, JobState};
use workbench_engine::log::Actor;
use workbench_engine::store::{
    AskedMapping, Chunk, Counts, HealthOutcome, JobFilter, NewImport, NewJob, NewTenant, Opening, PreviewResult,
    ProbeRow, Store, StoreError, StoredRecord,
};

use super::story::{Act, Part};

/// Who is said to have done it.
const ACTOR: &str = "demo";
/// How long each job holds its claim, in virtual time.
const LEASE: Duration = Duration::from_mins(1);

/// Plays the story of every tenant, in order of time. Tenants that exist are refused by the store.
pub async fn play(store: &Store, workflow: &Loaded, parts: &[Part]) -> Result<usize, StoreError> {
    let mut acts: Vec<(DateTime<Utc>, &Part, Act)> =
        parts.iter().flat_map(|part| part.acts.iter().map(move |(at, act)| (*at, part, *act))).collect();
    acts.sort_by_key(|(at, ..)| *at);
    let stage = Stage { store, workflow, actor: Actor::named(ACTOR) };
    for (at, part, act) in &acts {
        stage.act(*at, part, *act).await?;
    }
    Ok(acts.len())
}

struct Stage<'a> {
    store: &'a Store,
    workflow: &'a Loaded,
    actor: Actor,
}

impl Stage<'_> {
    async fn act(&self, at: DateTime<Utc>, part: &Part, act: Act) -> Result<(), StoreError> {
        let tenant = part.tenant.as_str();
        match act {
            Act::Open => self.open(at, part).await,
            Act::Take(step) => {
                let patch = StepPatch { assignee: Some(Some("anna".to_owned())), ..StepPatch::default() };
                self.patch(at, tenant, step, patch).await
            }
            Act::Block(step, reason) => {
                let patch = StepPatch { blocking_reason: Some(Some(reason.to_owned())), ..StepPatch::default() };
                self.patch(at, tenant, step, patch).await
            }
            Act::Unblock(step) => {
                let patch = StepPatch { blocking_reason: Some(None), ..StepPatch::default() };
                self.patch(at, tenant, step, patch).await
            }
            Act::Finish(step) => {
                let patch = StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() };
                self.patch(at, tenant, step, patch).await
            }
            Act::Import => self.import(at, tenant).await,
            Act::Check => self.check(at, tenant).await,
            Act::Pass(gate) => {
                self.check(at - TimeDelta::minutes(30), tenant).await?;
                let patch = StepPatch { status: Some(StepStatus::Done), ..StepPatch::default() };
                self.patch(at, tenant, gate, patch).await
            }
        }
    }

    async fn open(&self, at: DateTime<Utc>, part: &Part) -> Result<(), StoreError> {
        let mut tx = self.store.begin_in_the_past(&self.actor, at).await?;
        let (time_zone, language, hierarchy_depth) = match part.country {
            "SE" => ("Europe/Stockholm", "sv", 2),
            "NO" => ("Europe/Oslo", "nb", 0),
            _ => ("Europe/Paris", "fr", 3),
        };
        tx.create_tenant(&NewTenant {
            id: part.tenant.clone(),
            name: part.name.clone(),
            country: part.country.to_owned(),
            kind: "federation".to_owned(),
            time_zone: time_zone.to_owned(),
            language: language.to_owned(),
            hierarchy_depth,
            platform_url: None,
            probe_user: None,
            probe_secret: None,
        })
        .await?;
        let definition = &self.workflow.definition;
        tx.open_checklist(&Opening { tenant_id: &part.tenant, definition, target_go_live: None }).await?;
        tx.commit().await.map(drop)
    }

    async fn patch(&self, at: DateTime<Utc>, tenant: &str, step: &str, patch: StepPatch) -> Result<(), StoreError> {
        let mut tx = self.store.begin_in_the_past(&self.actor, at).await?;
        let command = Command::PatchStep {
            step: step.to_owned(),
            patch,
            expected_revisions: None,
            actor: ACTOR.to_owned(),
            capabilities: vec!["gate:approve".to_owned()],
        };
        tx.decide(tenant, &command).await?;
        tx.commit().await.map(drop)
    }

    /// One member and one voucher, previewed, confirmed and stored within the hour.
    async fn import(&self, at: DateTime<Utc>, tenant: &str) -> Result<(), StoreError> {
        let id = format!("imp_{}", ulid::Ulid::from_datetime(at.into()));
        let begun = at - TimeDelta::minutes(30);
        let mut tx = self.store.begin_in_the_past(&self.actor, begun).await?;
        tx.create_import(&NewImport {
            id: id.clone(),
            tenant_id: tenant.to_owned(),
            mode: "preview".to_owned(),
            format: None,
            entity: None,
            mapping: AskedMapping::default(),
            profile: None,
            file_name: Some("demo.csv".to_owned()),
            object_key: format!("demo/{id}"),
            size: 1,
            sha256: String::new(),
            supersedes: None,
        })
        .await?;
        tx.commit().await?;
        let job = self.claimed(begun, tenant, JobKind::ImportPreview).await?;
        let mut tx = self.store.begin_in_the_past(&Actor::workbench(), begun).await?;
        tx.begin_preview(&job, &id).await?;
        let counts = Counts { rows_read: 2, rows_valid: 2, records: 2, records_new: 2, ..Counts::default() };
        let result = PreviewResult {
            format: "csv".to_owned(),
            entity: "members".to_owned(),
            detected: json!({ "encoding": "UTF-8" }),
            sample: json!([]),
            counts,
            guessed: false,
            compared: None,
        };
        tx.finish_preview(&job, &id, &result, TimeDelta::days(30)).await?;
        tx.commit().await?;
        let mut tx = self.store.begin_in_the_past(&self.actor, at).await?;
        tx.confirm_import(&id, None).await?;
        tx.commit().await?;
        let job = self.claimed(at, tenant, JobKind::ImportLoad).await?;
        let mut tx = self.store.begin_in_the_past(&Actor::workbench(), at).await?;
        tx.begin_loading(&job, &id).await?;
        let record =
            |kind: &str| StoredRecord { kind: kind.to_owned(), natural_key: "1".to_owned(), fields: "{}".to_owned() };
        let records = Arc::new(vec![record("member"), record("voucher")]);
        tx.load_chunk(&job, &id, &Chunk { records, checkpoint: 2, total: 2 }, lease()).await?;
        tx.complete_import(&job, &id).await?;
        tx.commit().await.map(drop)
    }

    /// Every probe passes. Runs the check that waits, or asks for one.
    async fn check(&self, at: DateTime<Utc>, tenant: &str) -> Result<(), StoreError> {
        if self.waiting(tenant, JobKind::HealthCheck).await?.is_none() {
            let mut tx = self.store.begin_in_the_past(&self.actor, at).await?;
            tx.request_health_check(NewJob::new(JobKind::HealthCheck, tenant, Retry::default())).await?;
            tx.commit().await?;
        }
        let job = self.claimed(at, tenant, JobKind::HealthCheck).await?;
        let generation = self.store.tenant(tenant).await?.generation;
        let probes = ["sample_login", "sample_transaction", "sample_member_report"].map(|probe| ProbeRow {
            probe: probe.to_owned(),
            status: "pass".to_owned(),
            message: "as drawn".to_owned(),
            hint: String::new(),
            started_at: at,
            duration_ms: 40,
            attempts: 1,
            trace: json!([]),
            measures: None,
            earlier: None,
        });
        let outcome =
            HealthOutcome { aggregate: "pass".to_owned(), checked_at: at, generation, probes: probes.to_vec() };
        let check = job.subject_id.clone().unwrap_or_default();
        let mut tx = self.store.begin_in_the_past(&Actor::workbench(), at).await?;
        tx.finish_health_check(&job, &check, &outcome).await?;
        tx.commit().await.map(drop)
    }

    async fn waiting(&self, tenant: &str, kind: JobKind) -> Result<Option<String>, StoreError> {
        let filter = JobFilter {
            state: Some(JobState::Queued),
            kind: Some(kind),
            tenant_id: Some(tenant.to_owned()),
            limit: 1,
            ..JobFilter::default()
        };
        Ok(self.store.jobs(&filter).await?.pop().map(|job| job.id))
    }

    async fn claimed(&self, at: DateTime<Utc>, tenant: &str, kind: JobKind) -> Result<Job, StoreError> {
        let id = self
            .waiting(tenant, kind)
            .await?
            .ok_or_else(|| StoreError::NotFound { what: "waiting job of tenant", id: tenant.to_owned() })?;
        let mut tx = self.store.begin_in_the_past(&Actor::workbench(), at).await?;
        let job = tx.command_job(&id, &JobCommand::Claim { worker: ACTOR.to_owned(), lease: LEASE }).await?;
        tx.commit().await?;
        Ok(job)
    }
}

fn lease() -> TimeDelta {
    TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use workbench_engine::retrospective::back_test::back_test;
    use workbench_engine::retrospective::cohorts::Question;
    use workbench_engine::retrospective::forecast::Route;
    use workbench_engine::retrospective::process_change::{Course, before_after};
    use workbench_engine::retrospective::report::{Retrospective, retrospective};
    use workbench_engine::retrospective::times::History;
    use workbench_engine::retrospective::verdict::Outcome;
    use workbench_engine::store::HistoryFilter;

    use super::super::story::{Scenario, tell};
    use super::*;

    /// End of 2025, in the middle of a quarter.
    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_000_000, 0).expect("a time within range")
    }

    struct Played {
        histories: Vec<History>,
        route: Route,
        verified: (bool, Option<String>),
    }

    async fn played(scenario: Scenario, tenants: u32, years: u32) -> Played {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("demo.db").display());
        let store = Store::connect(&url, 1).await.expect("SQLite opens");
        store.migrate(&url).await.expect("the schema is made");
        let known = crate::shipped::known(&workbench_probes::HealthProbes::default());
        let workflows = crate::shipped::workflows(None, &known).expect("the shipped workflows are sound");
        let workflow = workflows.first().expect("there is a shipped workflow");
        let mut tx = store.begin(&Actor::workbench(), Utc::now()).await.expect("a transaction begins");
        tx.store_workflow(workflow).await.expect("the workflow is stored");
        tx.commit().await.expect("the transaction is kept");
        play(&store, workflow, &tell(scenario, tenants, years, 1, now())).await.expect("the story is played");
        let (mut histories, mut filter) = (Vec::new(), HistoryFilter::default());
        loop {
            let page = store.histories(&filter).await.expect("the store answers");
            let Some(last) = page.last() else { break };
            filter.after.clone_from(&last.checklist_id);
            histories.extend(page);
        }
        let chain = store.verify_events().await.expect("the store answers").broken.is_none();
        let replay = store.verify_replay().await.expect("the store answers");
        let route = Route::of(&workflow.definition).expect("the workflow goes live");
        store.close().await;
        Played { histories, route, verified: (chain, replay) }
    }

    fn by_quarter(played: &Played) -> Retrospective {
        retrospective(&played.histories, &Question::default(), now())
    }

    #[tokio::test]
    async fn the_card_s_story_is_told_by_the_numbers() {
        let played = played(Scenario::Card, 120, 3).await;
        assert_eq!(played.verified, (true, None));
        let found = by_quarter(&played);
        let (first, last) = (&found.cohorts[1], &found.cohorts[found.cohorts.len() - 2]);
        let medians = (first.total_days.median.expect("some"), last.total_days.median.expect("some"));
        assert!((30.0..48.0).contains(&medians.0) && (20.0..33.0).contains(&medians.1), "{medians:?}");
        let longest = |step: &Option<String>| step.as_deref() == Some("import_data");
        assert!(longest(&first.longest_step) && longest(&last.longest_step));
        // Quarter against quarter there are ten; before against after there are sixty.
        let courses: Vec<Course> = played.histories.iter().map(|history| Course::of(history, now())).collect();
        let change = now() - TimeDelta::days(3 * 365 / 2);
        let verdict = before_after(&courses, change).verdict;
        assert_eq!(verdict.outcome, Outcome::Improved, "{verdict:?}");
        let (low, high) = verdict.shift.and_then(|shift| shift.interval).expect("an interval");
        assert!(low <= -11.0 && -11.0 <= high, "the drawn truth lies in {low} to {high}");
    }

    #[tokio::test]
    async fn where_nothing_changed_nothing_is_proven() {
        let played = played(Scenario::Steady, 120, 3).await;
        let courses: Vec<Course> = played.histories.iter().map(|history| Course::of(history, now())).collect();
        let verdict = before_after(&courses, now() - TimeDelta::days(3 * 365 / 2)).verdict;
        assert_eq!(verdict.outcome, Outcome::NoEvidence, "{verdict:?}");
    }

    #[tokio::test]
    async fn the_step_that_slips_is_not_the_longest() {
        let played = played(Scenario::Slipping, 240, 2).await;
        let middle = now() - TimeDelta::days(365);
        let (before, after): (Vec<History>, Vec<History>) =
            played.histories.iter().cloned().partition(|history| history.opened_at < middle);
        let sides = [before, after].map(|side| {
            let mut days = workbench_engine::retrospective::slips::StepDays::default();
            for history in &side {
                days.take(history);
            }
            days
        });
        let slips = sides[1].slips(Some(&sides[0]));
        assert_eq!(slips.grew_most.expect("a step grew").step, "train_admins");
        assert_eq!(slips.longest_median.expect("there are steps").step, "import_data");
    }

    #[tokio::test]
    async fn forecasts_hold_on_the_shipped_history() {
        let played = played(Scenario::Steady, 500, 3).await;
        let found = back_test(&played.histories, &played.route, now(), 8);
        let (p50, p85) = (found.live_by_p50.expect("some"), found.live_by_p85.expect("some"));
        assert!(found.forecasts > 100, "{found:?}");
        assert!((0.80..=0.90).contains(&p85) && (0.40..=0.60).contains(&p50), "{found:?}");
        assert!(found.error_days < found.mean_error_days, "{found:?}");
    }
}
