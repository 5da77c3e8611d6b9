//! One run: people at work, one fault, a way back to rest, a judgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use super::checker::{Database, Verdict, judge};
use super::fault::{Done, Fault};
use super::stage::{Pair, Role, Stage, is_well};
use super::traffic::{self, HANG, Shared, Traffic};
use crate::eventually::within;

/// Commands that are accepted before the fault, and again after it.
const BEFORE: usize = 8;
const AFTER: usize = 5;
/// A tenant whose platform is so slow that its checks can be interrupted.
const SLOW: &str = "slow-tenant";
/// What each of its answers takes, in milliseconds.
const SLOWNESS: u32 = 1_200;
/// The tenant whose checks show that everything works again.
const CANARY: &str = "canary-tenant";
/// What Redis may hold above its idle size, in bytes, however many faults there were: each worker acknowledges its last
/// few tasks with the next ones.
const MEMORY: u64 = 256 * 1024;

/// What one run found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Where.
    pub pair: Pair,
    /// What was done.
    pub fault: Fault,
    /// What drew the commands.
    pub seed: u64,
    /// Whether it was done at all.
    pub done: Done,
    /// Commands accepted in this run.
    pub accepted: usize,
    /// Requests that were not answered, or by a 503, and repeated.
    pub repeated: u64,
    /// From the end of the fault until a health check that was asked for afterwards is over.
    pub recovery: Option<Duration>,
    /// What is wrong.
    pub verdict: Verdict,
}

/// A stage and the book of what people on it were told.
pub struct Play {
    stage: Stage,
    book: Shared,
    database: Database,
    /// Bytes in Redis while nothing happens.
    idle: u64,
}

impl Play {
    /// Starts a stage.
    ///
    /// # Panics
    /// Where something does not start.
    pub async fn start(pair: Pair) -> Self {
        let mut stage = Stage::start(pair).await;
        let database = Database::connect(&stage.database()).await.expect("the database can be read");
        let book = Shared::default();
        let idle = stage.servers.as_ref().map_or(0, |(_, redis)| redis.memory());
        let (clients, mut dice) = (stage.clients(), StdRng::seed_from_u64(0));
        for tenant in [SLOW, CANARY] {
            assert!(traffic::open(&book, &clients, &mut dice, tenant).await, "{:?}", book.open().surprises);
        }
        let slow = json!({ "fault": { "slow": { "ms": SLOWNESS } } });
        stage.sandbox().patch(&format!("/{SLOW}/settings"), &slow).await.expect(200);
        Self { stage, book, database, idle }
    }

    /// Does one fault while people work, and judges once everything has come to rest.
    ///
    /// # Panics
    /// Where the stage itself cannot go on.
    pub async fn run(&mut self, fault: Fault, seed: u64) -> Finding {
        let mut dice = StdRng::seed_from_u64(seed);
        let clients = self.stage.clients();
        let (book, repeated) = (self.book.clone(), self.book.open().repeated);
        let before = book.accepted();
        book.open().surprises.clear();
        let mut faults = Vec::new();

        let traffic = Traffic::start(&book, &clients, seed);
        let grown = |by: usize| {
            let (book, from) = (book.clone(), book.accepted());
            async move { within(HANG, || async { (book.accepted() >= from + by).then_some(()) }).await }
        };
        let mut progressed = grown(BEFORE).await.is_some();
        if fault.meets_work() {
            let _ = traffic::check(&book, &clients, &mut dice, SLOW).await;
        }
        let watch = Watch::start(&clients);
        let done = fault.befall(&mut self.stage, &mut dice).await;
        let healed = Instant::now();
        let told = watch.stop().await;
        let done = done.unwrap_or_else(|problem| {
            faults.push(problem);
            Done::Yes
        });
        if fault.is_to_be_told() && !told {
            faults.push("`/readyz` said all the time that nothing was wrong".to_owned());
        }

        let mut recovery = None;
        if let Some(job) = traffic::check(&book, &clients, &mut dice, CANARY).await {
            let over = within(HANG, || async { (self.database.job_state(&job).await? == "succeeded").then_some(()) });
            recovery = over.await.map(|()| healed.elapsed());
        }
        progressed &= grown(AFTER).await.is_some();
        traffic.stop().await;
        if recovery.is_none() || !progressed {
            faults.push("it did not recover".to_owned());
        }
        faults.extend(self.come_to_rest(&clients).await);

        let mut verdict = {
            // Nobody writes into it any more.
            let closed = std::mem::take(&mut *book.open());
            let verdict = judge(&self.stage, &self.database, &closed).await.expect("the database can be read");
            *book.open() = closed;
            verdict
        };
        verdict.faults.extend(faults);
        let repeated = book.open().repeated - repeated;
        Finding {
            pair: self.stage.pair,
            fault,
            seed,
            done,
            accepted: book.accepted() - before,
            repeated,
            recovery,
            verdict,
        }
    }

    /// Waits until nothing is under way, and says what is not as it was.
    async fn come_to_rest(&mut self, clients: &[crate::Client]) -> Vec<String> {
        let mut faults = Vec::new();
        let rest = within(HANG, || async { (self.database.under_way().await? == 0).then_some(()) }).await;
        if rest.is_none() {
            faults.push("jobs or imports never ended".to_owned());
        }
        for client in clients {
            if within(HANG, || async { is_well(client).await.then_some(()) }).await.is_none() {
                faults.push("`/readyz` does not say that everything is well again".to_owned());
            }
        }
        if let Some((_, redis)) = &self.stage.servers {
            let small = || async { (redis.memory() <= self.idle + MEMORY).then_some(()) };
            if within(HANG, small).await.is_none() {
                let keys = redis.command(&["--scan"]);
                faults.push(format!("Redis holds {} bytes, and {} when idle:\n{keys}", redis.memory(), self.idle));
            }
        }
        for daemon in self.stage.running(&[Role::Daemon, Role::Worker, Role::Sandbox]) {
            if let Some(status) = daemon.ended() {
                faults.push(format!("a process ended by itself with {status}:\n{}", daemon.log()));
            }
            if daemon.log().contains("panicked at") {
                faults.push(format!("a process panicked:\n{}", daemon.log()));
            }
        }
        faults
    }
}

/// Asks every daemon over and over whether it is ready.
struct Watch {
    stop: Arc<AtomicBool>,
    watching: tokio::task::JoinHandle<bool>,
}

impl Watch {
    fn start(clients: &[crate::Client]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (clients, stopped) = (clients.to_vec(), Arc::clone(&stop));
        let watching = tokio::spawn(async move {
            let mut told = false;
            while !stopped.load(Ordering::Relaxed) {
                for client in &clients {
                    // One that was asked before the fault ended has answered about the fault.
                    told |= !is_well(client).await;
                }
            }
            told
        });
        Self { stop, watching }
    }

    /// Whether any said that something was wrong.
    async fn stop(self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        self.watching.await.unwrap_or(false)
    }
}
