//! What has been promised and who holds what, kept beside the product by whoever watches it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use workbench_engine::job::{Job, JobState};

use super::play::Broken;

/// The watcher's book.
#[derive(Default)]
pub struct Ledger {
    /// The claims in force, by job.
    holds: BTreeMap<String, Hold>,
    /// The number of each job's latest claim.
    claims: BTreeMap<String, u32>,
    /// How often each job ended well.
    pub successes: BTreeMap<String, u32>,
    /// Commands of people, by the name that only this command acts under; whether an answer was had.
    pub commands: BTreeMap<String, bool>,
    /// Commands that changed nothing, since it was so already.
    pub idle: BTreeSet<String>,
    /// For each schedule and zone: when its clock was first and last followed.
    pub followed: BTreeMap<(String, String), (DateTime<Utc>, DateTime<Utc>)>,
}

struct Hold {
    attempt: u32,
    until: DateTime<Utc>,
}

impl Ledger {
    /// A claim was kept.
    pub fn claimed(&mut self, job: &Job) -> Result<(), Broken> {
        if self.holds.contains_key(&job.id) {
            return Err(Broken::new("claims", "a job was claimed that is held"));
        }
        let latest = self.claims.insert(job.id.clone(), job.attempt).unwrap_or(0);
        if job.attempt != latest + 1 {
            return Err(Broken::new("claims", &format!("claim {} follows claim {latest}", job.attempt)));
        }
        if job.attempt > job.max_attempts {
            return Err(Broken::new("attempts", &format!("attempt {} of {}", job.attempt, job.max_attempts)));
        }
        if job.cancel_requested {
            return Err(Broken::new("cancelling", "a job was claimed that a person wants stopped"));
        }
        let until = job.lease_until.ok_or_else(|| Broken::new("claims", "a claim has no lease"))?;
        self.holds.insert(job.id.clone(), Hold { attempt: job.attempt, until });
        Ok(())
    }

    /// A heartbeat was kept: the lease is what it says, be it shorter than before where the clock was set back.
    pub fn beat(&mut self, job: &Job, until: Option<DateTime<Utc>>) -> Result<(), Broken> {
        let hold = self.hold(job)?;
        hold.until = until.unwrap_or(hold.until);
        Ok(())
    }

    /// Something that a claim's holder did was kept, and the lease is no shorter than `until` then.
    pub fn wrote(&mut self, job: &Job, until: Option<DateTime<Utc>>) -> Result<(), Broken> {
        let hold = self.hold(job)?;
        hold.until = hold.until.max(until.unwrap_or(hold.until));
        Ok(())
    }

    fn hold(&mut self, job: &Job) -> Result<&mut Hold, Broken> {
        let hold = self.holds.get_mut(&job.id).filter(|hold| hold.attempt == job.attempt);
        hold.ok_or_else(|| Broken::new("fence", &format!("attempt {} wrote and no longer holds the job", job.attempt)))
    }

    /// The end of a claim, told by its holder, was kept.
    pub fn ended(&mut self, claim: &Job, after: JobState) -> Result<(), Broken> {
        self.wrote(claim, None)?;
        self.holds.remove(&claim.id);
        if after == JobState::Succeeded {
            *self.successes.entry(claim.id.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// A claim was taken back by a process whose clock shows `clock`.
    pub fn taken_back(&mut self, job: &str, clock: DateTime<Utc>) -> Result<(), Broken> {
        match self.holds.remove(job) {
            Some(hold) if hold.until <= clock => Ok(()),
            Some(hold) => Err(Broken::new("lease", &format!("a lease until {} was ended at {clock}", hold.until))),
            None => Err(Broken::new("lease", "a lease was ended that nobody has")),
        }
    }

    /// A clock was followed at a time.
    pub fn followed(&mut self, schedule: &str, zone: &str, at: DateTime<Utc>) {
        let both = self.followed.entry((schedule.to_owned(), zone.to_owned())).or_insert((at, at));
        both.1 = both.1.max(at);
    }
}
