//! What operators write, read at the start and again whenever it changes.
//!
//! A set of files is taken as a whole or not at all: one fault in one of them, and everything stays as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use chrono::Utc;
use miette::{Result, miette};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;
use workbench_engine::definition::Loaded;
use workbench_engine::log::Actor;
use workbench_engine::store::{Store, StoreError};
use workbench_importer::Profile;
use workbench_jobs::{Channels, Context, JobSettings, Status};
use workbench_probes::HealthProbes;

use crate::shipped;

/// How often the files are looked at. A change is taken once they look the same twice.
const LOOK: Duration = Duration::from_secs(1);

/// What new onboardings and uploads may name.
#[derive(Debug)]
pub struct Definitions {
    /// One version of each workflow.
    pub workflows: Vec<Loaded>,
    /// The format profiles.
    pub formats: Vec<Arc<Profile>>,
}

impl Definitions {
    /// Stores the versions of workflows that are new, and dates the tenants' evidence where the probes are others than before.
    ///
    /// # Errors
    /// A version that is stored with another content; nothing is changed then.
    pub async fn adopt(&self, store: &Store, probes: &HealthProbes) -> Result<(), StoreError> {
        let mut tx = store.begin(&Actor::workbench(), Utc::now()).await?;
        for loaded in &self.workflows {
            tx.store_workflow(loaded).await?;
        }
        if tx.note_probe_set(&probes.set_hash()).await? {
            tracing::info!("the probes are others than before; gates want new health checks");
        }
        tx.commit().await.map(drop)
    }
}

/// All that was read from the files at one time.
pub struct Read {
    /// One version of each workflow.
    pub workflows: Vec<Loaded>,
    /// The format profiles.
    pub formats: Vec<Arc<Profile>>,
    /// The probes.
    pub probes: HealthProbes,
    /// The notification channels.
    pub channels: Channels,
}

/// What a process holds of the files.
pub struct Held {
    /// Probes and channels.
    pub context: Context,
    /// Workflows and format profiles; absent in a process that only runs jobs.
    pub definitions: Option<Arc<ArcSwap<Definitions>>>,
    /// Where faults are shown.
    pub status: Status,
}

/// Why files are not used.
enum Unused {
    /// One of them has a fault.
    Faulty(miette::Report),
    /// The store did not take them for now.
    StoreAway(StoreError),
}

/// Path, size and time of the last change of each file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint(Vec<(PathBuf, u64, Option<SystemTime>)>);

/// The operator's folder, and what the binary has of its own.
#[derive(Debug, Clone)]
pub struct Files {
    folder: Option<PathBuf>,
    own: HealthProbes,
    secrets: Option<PathBuf>,
}

impl Files {
    /// `own` are the probes of the binary, `folder` that of the operator's workflows.
    #[must_use]
    pub fn new(folder: Option<&Path>, mut own: HealthProbes, settings: &JobSettings) -> Self {
        // Set once: what is read later shares the turns of what is running.
        own.set_concurrency(settings.probe_concurrency);
        Self { folder: folder.map(Path::to_owned), own, secrets: settings.notify_secrets.clone() }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Every fault of the first kind of file that has some: probes, channels, workflows, format profiles.
    pub fn read(&self) -> Result<Read> {
        let folder = self.folder.as_deref();
        let probes = shipped::probes(self.own.clone(), folder)?;
        let channels = shipped::channels(folder, self.secrets.as_deref())?;
        let workflows = shipped::workflows(folder, &shipped::known(&probes))?;
        let formats = shipped::profiles(folder)?;
        Ok(Read { workflows, formats, probes, channels })
    }

    /// How the files look now. A folder that cannot be read looks empty; reading it says why.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let folders =
            self.folder.iter().flat_map(|folder| [folder.clone(), folder.join("formats"), folder.join("probes")]);
        let mut files: Vec<_> = folders
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                // By what a link points to: that is what changes where a folder is replaced as a whole.
                let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
                Some((path, metadata.len(), metadata.modified().ok()))
            })
            .collect();
        files.sort();
        Fingerprint(files)
    }

    /// Reads the files again when they change and when a signal asks for it, until `stop`. `seen` is how they looked when
    /// they were read first.
    pub async fn follow(&self, mut seen: Fingerprint, held: &Held, mut asked: Signal, stop: &CancellationToken) {
        let mut before = seen.clone();
        loop {
            let by_signal = tokio::select! {
                () = stop.cancelled() => return,
                signal = asked.recv() => signal.is_some(),
                () = tokio::time::sleep(LOOK) => false,
            };
            let files = self.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || files.fingerprint()).await else { continue };
            // A file that is still being written looks different at the next look.
            let settled = now == before && now != seen;
            before = now.clone();
            if by_signal || settled {
                seen = now;
                match self.reload(held).await {
                    // The files are as they were, and the store comes back by itself: the next look tries again.
                    Err(Unused::StoreAway(error)) => {
                        tracing::debug!(%error, "the changed files could not be taken; they will be");
                        seen = Fingerprint::default();
                    }
                    Ok(()) => {
                        tracing::info!("workflows, format profiles, probes and notification channels were read again");
                        held.status.set_definitions_problem(None);
                    }
                    Err(Unused::Faulty(report)) => {
                        tracing::error!("the changed files are not used; all stays as it was: {report}");
                        held.status.set_definitions_problem(Some(report.to_string()));
                    }
                }
            }
        }
    }

    async fn reload(&self, held: &Held) -> Result<(), Unused> {
        let files = self.clone();
        let read = tokio::task::spawn_blocking(move || files.read());
        let read = read.await.map_err(|error| miette!("the files could not be read: {error}"));
        let read = read.and_then(|read| read).map_err(Unused::Faulty)?;
        if let Some(current) = &held.definitions {
            let definitions = Definitions { workflows: read.workflows, formats: read.formats };
            definitions.adopt(&held.context.store, &read.probes).await.map_err(|error| {
                if error.is_unavailable() { Unused::StoreAway(error) } else { Unused::Faulty(miette!("{error}")) }
            })?;
            current.store(Arc::new(definitions));
        }
        // A check that began with the old probes is told by the store's note that it proves nothing any more.
        held.context.probes.store(Arc::new(read.probes));
        held.context.channels.store(Arc::new(read.channels));
        Ok(())
    }
}
