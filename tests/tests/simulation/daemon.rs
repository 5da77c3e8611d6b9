//! The three loops of a daemon, each action of theirs a step: the relay, the reconciler, the follower of the calendar.
//!
//! What they ask the store for, and in which order, is what the loops of the `jobs` crate do; pauses are longer, so that
//! less of the time is spent on finding nothing.

use chrono::{DateTime, TimeDelta, Utc};
use workbench_engine::hand_over::{Bounds, Share, share};
use workbench_engine::job::JobCommand;
use workbench_engine::log::Actor;
use workbench_engine::store::{Schedule, StoreError};

use super::play::{Rest, World};

/// Ids handed over at a time, ids in the queue at most, tenants of a fire served at a time: small, so that bounds matter.
const BOUNDS: Bounds = Bounds { ids: 6, background: 2, batch: 3 };
const SERVED: i64 = 1;
const REHAND_AFTER: TimeDelta = TimeDelta::seconds(10);

/// Hands ids over.
#[derive(Default)]
pub struct Relay {
    at: RelayAt,
}

#[derive(Default)]
enum RelayAt {
    #[default]
    Looking,
    Counting {
        now: DateTime<Utc>,
    },
    Handing {
        now: DateTime<Utc>,
        share: Share,
    },
}

impl Relay {
    /// The next action.
    pub async fn step(&mut self, world: &mut World, process: usize) -> Rest {
        if world.is_away() {
            self.at = RelayAt::Looking;
            return Ok(world.dice.between(500, 3_000));
        }
        match std::mem::take(&mut self.at) {
            RelayAt::Looking => {
                let now = world.clock(process);
                if world.store.oldest_due(now).await?.is_none() {
                    return Ok(world.dice.between(500, 5_000));
                }
                self.at = RelayAt::Counting { now };
            }
            RelayAt::Counting { now } => {
                let waiting = world.queue.waiting();
                if waiting >= BOUNDS.ids {
                    return Ok(world.dice.between(500, 2_000));
                }
                let unclaimed = world.store.handed_and_unclaimed().await?;
                self.at = RelayAt::Handing { now, share: share(BOUNDS, waiting, unclaimed) };
            }
            RelayAt::Handing { now, share } => return hand(world, process, now, share).await,
        }
        Ok(world.dice.between(1, 40))
    }
}

async fn hand(world: &mut World, process: usize, now: DateTime<Utc>, share: Share) -> Rest {
    let mut tx = world.store.begin(&Actor::workbench(), now).await?;
    let mut ids = Vec::new();
    if share.again > 0 {
        ids = tx.hand_over_again(now - REHAND_AFTER, share.again).await?;
    }
    let left = share.room - i64::try_from(ids.len()).unwrap_or(share.room);
    ids.extend(tx.hand_over(left, share.background).await?);
    let mut names = Vec::new();
    for id in &ids {
        names.push(world.short(id));
    }
    let names = names.join(" ");
    if !ids.is_empty() && world.queue.send(&ids, world.now, &mut world.dice).is_err() {
        world.tell(process, &format!("is refused by the queue with {names}"));
        return Ok(world.dice.between(300, 1_500));
    }
    let end = world.commit(tx).await?;
    if !ids.is_empty() {
        world.tell(process, &format!("hands over {names}{}", outcome(end.kept, end.answered)));
    }
    Ok(if ids.len() == 3 { world.dice.between(1, 40) } else { world.dice.between(500, 4_000) })
}

/// What is told of a transaction that did not simply end well.
pub fn outcome(kept: bool, answered: bool) -> &'static str {
    match (kept, answered) {
        (true, true) => "",
        (true, false) => " (kept, and nobody told)",
        (false, _) => " (taken back)",
    }
}

/// Takes jobs back from the lost.
#[derive(Default)]
pub struct Reconciler {
    lost: Vec<String>,
}

impl Reconciler {
    /// The next action.
    pub async fn step(&mut self, world: &mut World, process: usize) -> Rest {
        if world.is_away() {
            self.lost.clear();
            return Ok(world.dice.between(500, 3_000));
        }
        let Some(id) = self.lost.pop() else {
            self.lost = world.store.lost_jobs(world.clock(process), 100).await?;
            return Ok(if self.lost.is_empty() { world.dice.between(1_000, 6_000) } else { world.dice.between(1, 40) });
        };
        let name = world.short(&id);
        let mut tx = world.begin(process, &Actor::workbench()).await?;
        let jitter = world.dice.share();
        match tx.command_job(&id, &JobCommand::ExpireLease { jitter }).await {
            Ok(job) => {
                let clock = tx.now();
                let end = world.commit(tx).await?;
                world.tell(
                    process,
                    &format!(
                        "takes {name} back from attempt {}: {}{}",
                        job.attempt,
                        job.state,
                        outcome(end.kept, end.answered)
                    ),
                );
                if end.kept {
                    world.ledger.taken_back(&id, clock)?;
                }
            }
            Err(StoreError::JobRefused(refusal)) => world.tell(process, &format!("leaves {name}: {refusal}")),
            Err(error) => return Err(error.into()),
        }
        Ok(world.dice.between(1, 40))
    }
}

/// Follows the calendar.
#[derive(Default)]
pub struct Scheduler {
    due: Vec<(Schedule, String)>,
    fires: Vec<String>,
}

impl Scheduler {
    /// The next action.
    pub async fn step(&mut self, world: &mut World, process: usize) -> Rest {
        if world.is_away() {
            *self = Self::default();
            return Ok(world.dice.between(1_000, 5_000));
        }
        if let Some((schedule, zone)) = self.due.pop() {
            let mut tx = world.begin(process, &Actor::workbench()).await?;
            let fired = tx.follow_clock(&schedule, &zone).await?;
            let at = tx.now();
            let end = world.commit(tx).await?;
            world.tell(
                process,
                &format!("follows {} in {zone}: fires {fired} times{}", schedule.id, outcome(end.kept, end.answered)),
            );
            if end.kept {
                world.ledger.followed(&schedule.id, &zone, at);
            }
            return Ok(self.rest(world));
        }
        if let Some(fire) = self.fires.last().cloned() {
            let mut tx = world.begin(process, &Actor::workbench()).await?;
            let more = tx.fan_out(&fire, SERVED).await?;
            let end = world.commit(tx).await?;
            let name = world.short(&fire);
            world.tell(process, &format!("carries {name} on, more: {more}{}", outcome(end.kept, end.answered)));
            if !more || !end.answered {
                self.fires.pop();
            }
            return Ok(self.rest(world));
        }
        let zones = world.store.tenant_zones().await?;
        for schedule in world.store.schedules().await? {
            for zone in world.store.clocks_due(&schedule, &zones, world.clock(process)).await? {
                self.due.push((schedule.clone(), zone));
            }
        }
        self.fires = world.store.fires_at_work(20).await?;
        self.fires.reverse();
        Ok(self.rest(world))
    }

    /// Until the next action of a round, or the next round.
    fn rest(&self, world: &mut World) -> TimeDelta {
        let (next_round, at_once) = (world.dice.between(8_000, 25_000), world.dice.between(1, 300));
        if self.due.is_empty() && self.fires.is_empty() { next_round } else { at_once }
    }
}
