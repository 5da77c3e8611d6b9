//! A store with a workflow in it, made once and copied for every play.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;
use tempfile::TempDir;
use workbench_engine::definition::{Known, Loaded, load};
use workbench_engine::log::Actor;
use workbench_engine::store::{Schedule, Store};

/// A folder in memory where the system has one: there, a commit that waits for the disk waits for nothing.
const MEMORY: &str = "/dev/shm";

const WORKFLOW: &str = r#"
name: trial
version: 1
title: Trial
steps:
  - { id: sign, title: Sign }
  - { id: load, title: Load, kind: job, needs: [sign], job: { name: import, start: on_request } }
  - { id: cool, title: Cool down, kind: timer, needs: [sign], after: 20s }
  - id: check
    title: Check
    kind: job
    needs: [load, cool]
    job: { name: health_check }
    retry: { max_attempts: 4, initial: 1s, factor: 2, max: 8s, jitter: 0.2 }
  - id: go
    title: Go
    kind: gate
    needs: [check]
    gate:
      approval: gate:approve
      conditions:
        - { id: passes, when: health.status == "pass", otherwise: It does not pass. }
  - { id: live, title: Live, needs: [go] }
schedules:
  - { id: often, job: health_check, cron: "*/1 * * * *", zone: tenant, jitter: 10s, overlap: allow, catch_up: { policy: all, window: 10m, cap: 2 } }
  - { id: seldom, job: health_check, cron: "*/2 * * * *", zone: Europe/Stockholm, catch_up: { policy: once } }
"#;

/// What every play begins with.
pub struct Stage {
    folder: TempDir,
    copies: AtomicU64,
    /// The workflow.
    pub loaded: Loaded,
    /// The schedule that people run by hand.
    pub schedule: Schedule,
}

/// A copy for one play; its file goes with it.
pub struct Copy {
    /// The store.
    pub store: Store,
    path: PathBuf,
}

impl Stage {
    /// Makes the store that is copied.
    pub fn build() -> Self {
        let folder = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a temporary folder can be made");
        let loaded = load("trial.yaml", WORKFLOW, &Known::default()).expect("a sound workflow");
        let url = url(&folder.path().join("template.db"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let schedule = runtime.expect("a runtime can be made").block_on(async {
            let store = Store::connect(&url, 1).await.expect("SQLite opens");
            store.migrate(&url).await.expect("the schema is made");
            let mut tx = store.begin(&Actor::workbench(), Utc::now()).await.expect("a transaction begins");
            tx.store_workflow(&loaded).await.expect("the workflow is stored");
            tx.commit().await.expect("the transaction is kept");
            let schedule = store.schedule("trial/often").await.expect("the schedule is there");
            store.close().await;
            schedule
        });
        Self { folder, copies: AtomicU64::new(0), loaded, schedule }
    }

    /// A fresh copy.
    pub async fn copy(&self) -> Copy {
        let number = self.copies.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("{number}.db"));
        std::fs::copy(self.folder.path().join("template.db"), &path).expect("a file is copied");
        Copy { store: Store::connect(&url(&path), 1).await.expect("SQLite opens"), path }
    }
}

impl Copy {
    /// Closes the store and removes its file.
    pub async fn remove(self) {
        self.store.close().await;
        drop(self.store);
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            // The last connection may have removed these two.
            std::fs::remove_file(path).ok();
        }
    }
}

fn url(path: &std::path::Path) -> String {
    format!("sqlite:{}", path.display())
}
