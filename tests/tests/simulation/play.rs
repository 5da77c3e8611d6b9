//! One play: processes, people and faults in virtual time, over the real store.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use workbench_engine::definition::Definition;
use workbench_engine::log::Actor;
use workbench_engine::store::{Schedule, Store, StoreError, Tx};

use super::daemon::{Reconciler, Relay, Scheduler};
use super::dice::{Dice, Fault};
use super::ledger::Ledger;
use super::person::Person;
use super::queue::Queue;
use super::stage::Stage;
use super::verdict;
use super::worker::Slot;

/// How long a claim holds without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(15);
/// No clock is further from the truth, in milliseconds: two of them differ by less than what is left of a lease between
/// two heartbeats.
const SKEW: i64 = 5_000;
/// How long things go wrong, nights apart.
const TROUBLE: TimeDelta = TimeDelta::seconds(60);
/// How long it may take until all is done once nothing goes wrong any more.
const PATIENCE: TimeDelta = TimeDelta::minutes(8);

/// What was promised and did not hold.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Which promise.
    pub promise: &'static str,
    /// In what way.
    pub how: String,
}

impl Broken {
    /// A broken promise.
    pub fn new(promise: &'static str, how: &str) -> Self {
        Self { promise, how: how.to_owned() }
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::new("no error but those that are made", &error.to_string())
    }
}

/// How long an actor rests after an action, or what it broke.
pub type Rest = Result<TimeDelta, Broken>;

/// What became of a transaction.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// It is kept.
    pub kept: bool,
    /// Who committed knows.
    pub answered: bool,
    /// Events that it brought.
    pub entries: usize,
}

struct Process {
    name: String,
    /// How far its clock is from the truth.
    skew: TimeDelta,
    /// Raised when it dies: what its earlier life had planned is void.
    life: u32,
    /// It does nothing before.
    resumes: DateTime<Utc>,
    /// It was asked to stop.
    stopping: bool,
}

/// Everything that actors share.
pub struct World {
    /// The real store.
    pub store: Store,
    /// The workflow in it.
    pub definition: Definition,
    /// The schedule that people run by hand.
    pub schedule: Schedule,
    /// The true time.
    pub now: DateTime<Utc>,
    /// Chance.
    pub dice: Dice,
    /// The model of the queue.
    pub queue: Queue,
    /// What was promised.
    pub ledger: Ledger,
    /// How often a step of an attempt fails for reasons of its own, from 0 to 1; in some plays often enough that attempts run
    /// out.
    pub moodiness: f64,
    /// Nothing goes wrong any more.
    pub is_calm: bool,
    /// What happened, in order.
    pub trace: Vec<String>,
    begun: DateTime<Utc>,
    calm_from: DateTime<Utc>,
    /// Until then, people sleep, and so does chance.
    morning: DateTime<Utc>,
    processes: Vec<Process>,
    away_until: DateTime<Utc>,
    names: HashMap<String, String>,
}

impl World {
    /// What a process's clock shows.
    pub fn clock(&self, process: usize) -> DateTime<Utc> {
        self.now + self.processes[process].skew
    }

    /// Whether a process was asked to stop.
    pub fn stopping(&self, process: usize) -> bool {
        self.processes[process].stopping
    }

    /// Whether a process answers people now.
    pub fn serves(&self, process: usize) -> bool {
        !self.is_away() && self.processes[process].resumes <= self.now
    }

    /// Whether the store cannot be reached now.
    pub fn is_away(&self) -> bool {
        self.now < self.away_until
    }

    /// A transaction of a process at its clock's time.
    pub async fn begin(&self, process: usize, actor: &Actor) -> Result<Tx, StoreError> {
        self.store.begin(actor, self.clock(process)).await
    }

    /// Ends a transaction as database and network please.
    pub async fn commit(&mut self, tx: Tx) -> Result<End, StoreError> {
        let (aborted, unanswered) = (self.dice.strikes(Fault::Abort, 0.03), self.dice.strikes(Fault::Unanswered, 0.03));
        if aborted {
            drop(tx);
            return Ok(End { kept: false, answered: false, entries: 0 });
        }
        let entries = tx.commit().await?.len();
        Ok(End { kept: true, answered: !unanswered, entries })
    }

    /// Notes what a process did. Ids are told by short names, so that two plays of one seed read the same.
    pub fn tell(&mut self, process: usize, what: &str) {
        let name = self.processes[process].name.clone();
        self.tell_as(&name, what);
    }

    /// Notes what somebody did.
    pub fn tell_as(&mut self, who: &str, what: &str) {
        let at = (self.now - self.begun).as_seconds_f64();
        self.trace.push(format!("{at:>9.3} {who:<10} {what}"));
    }

    /// A short name of an id, numbered by first appearance.
    pub fn short(&mut self, id: &str) -> String {
        let number = self.names.len() + 1;
        let prefix = id.split('_').next().unwrap_or_default();
        self.names.entry(id.to_owned()).or_insert_with(|| format!("{prefix}#{number}")).clone()
    }
}

enum Role {
    Relay(Relay),
    Reconciler(Reconciler),
    Scheduler(Box<Scheduler>),
    Slot(Box<Slot>),
    Person(Box<Person>),
    Chaos,
}

struct Cast {
    process: usize,
    role: Role,
}

/// Who acts when: time, order of planning, actor, life of its process.
type Plan = BinaryHeap<Reverse<(DateTime<Utc>, u64, usize, u32)>>;

/// Plays a seed over a fresh copy of the store. Answers what happened, and what broke.
pub async fn play(stage: &Stage, seed: u64, faults: &[Fault]) -> (Vec<String>, Option<Broken>) {
    let copy = stage.copy().await;
    let begun = Utc.with_ymd_and_hms(2060, 3, 27, 23, 58, 0).earliest().unwrap_or_default();
    let mut dice = Dice::new(seed, faults);
    let process = |name: &str, dice: &mut Dice| Process {
        name: name.to_owned(),
        skew: dice.between(-SKEW, SKEW),
        life: 0,
        resumes: begun,
        stopping: false,
    };
    let processes: Vec<Process> =
        ["daemon-1", "daemon-2", "worker-1", "worker-2", "worker-3"].map(|name| process(name, &mut dice)).into();
    let moodiness = dice.pick(&[0.02, 0.05, 0.4]).copied().unwrap_or_default();
    let mut world = World {
        store: copy.store.clone(),
        definition: stage.loaded.definition.clone(),
        schedule: stage.schedule.clone(),
        now: begun,
        dice,
        queue: Queue::default(),
        ledger: Ledger::default(),
        moodiness,
        is_calm: false,
        trace: Vec::new(),
        begun,
        calm_from: begun + TROUBLE,
        morning: begun,
        processes,
        away_until: begun,
        names: HashMap::new(),
    };
    let broken = run(&mut world, begun).await.err();
    copy.remove().await;
    (world.trace, broken)
}

async fn run(world: &mut World, begun: DateTime<Utc>) -> Result<(), Broken> {
    let mut casts = Vec::new();
    for process in 0..2 {
        for role in [
            Role::Relay(Relay::default()),
            Role::Reconciler(Reconciler::default()),
            Role::Scheduler(Box::default()),
            Role::Person(Box::new(Person::new(process))),
        ] {
            casts.push(Cast { process, role });
        }
    }
    for process in [2, 2, 3, 3, 4, 4] {
        casts.push(Cast { process, role: Role::Slot(Box::default()) });
    }
    casts.push(Cast { process: 0, role: Role::Chaos });

    let (mut plan, mut planned) = (Plan::new(), 0);
    for actor in 0..casts.len() {
        plan.push(Reverse((begun + world.dice.between(0, 2_000), planned, actor, 0)));
        planned += 1;
    }
    let mut look = begun;
    while let Some(Reverse((at, _, actor, life))) = plan.pop() {
        world.now = world.now.max(at);
        if !world.is_calm && world.now > world.calm_from {
            calm(world);
        }
        if world.is_calm && world.now > look {
            look = world.now + TimeDelta::seconds(8);
            if verdict::is_quiet(world).await? {
                return verdict::judge(world).await;
            }
            if world.now > world.calm_from + PATIENCE {
                return Err(verdict::unfinished(world).await?);
            }
        }
        let cast = &mut casts[actor];
        let process = &world.processes[cast.process];
        // People and chance live in no process that could die.
        let free = matches!(cast.role, Role::Person(_) | Role::Chaos);
        let mut next = None;
        if !free && process.life != life {
            // It died since: whatever it had in hand is gone.
            forget(&mut cast.role);
            next = Some(process.resumes.max(world.now));
        } else if !free && process.resumes > world.now {
            next = Some(process.resumes);
        } else if free && world.morning > world.now {
            next = Some(world.morning);
        }
        let process = cast.process;
        let next = if let Some(next) = next {
            next + world.dice.between(1, 50)
        } else {
            let rest = match &mut cast.role {
                Role::Relay(relay) => relay.step(world, process).await?,
                Role::Reconciler(reconciler) => reconciler.step(world, process).await?,
                Role::Scheduler(scheduler) => scheduler.step(world, process).await?,
                Role::Slot(slot) => slot.step(world, process).await?,
                Role::Person(person) => person.step(world).await?,
                Role::Chaos => trouble(world),
            };
            world.now + rest
        };
        let life = world.processes[cast.process].life;
        plan.push(Reverse((next, planned, actor, life)));
        planned += 1;
    }
    Err(Broken::new("progress", "nobody has anything to do"))
}

fn forget(role: &mut Role) {
    match role {
        Role::Relay(relay) => *relay = Relay::default(),
        Role::Reconciler(reconciler) => *reconciler = Reconciler::default(),
        Role::Scheduler(scheduler) => **scheduler = Scheduler::default(),
        Role::Slot(slot) => **slot = Slot::default(),
        Role::Person(_) | Role::Chaos => {}
    }
}

/// From now on nothing goes wrong: what stands still goes on, what is away is back. Clocks stay as wrong as they are.
fn calm(world: &mut World) {
    world.is_calm = true;
    world.dice.spare();
    world.away_until = world.now;
    for process in &mut world.processes {
        process.resumes = world.now;
        process.stopping = false;
    }
    world.tell_as("-", "nothing goes wrong from here on");
}

/// Something goes wrong that is nobody's action.
fn trouble(world: &mut World) -> TimeDelta {
    let process = world.dice.below(world.processes.len());
    let (short, long) = (world.dice.between(200, 8_000), world.dice.between(1_000, 40_000));
    let (skew, night) = (world.dice.between(-SKEW, SKEW), world.dice.between(120_000, 900_000));
    if world.dice.strikes(Fault::Kill, 0.25) {
        let dying = &mut world.processes[process];
        dying.life += 1;
        dying.resumes = dying.resumes.max(world.now + short);
        dying.stopping = false;
        world.tell(process, "is killed");
    } else if world.dice.strikes(Fault::Stall, 0.25) {
        let stalled = &mut world.processes[process];
        stalled.resumes = stalled.resumes.max(world.now + long);
        world.tell(process, &format!("stands still for {:.1} s", long.as_seconds_f64()));
    } else if world.dice.strikes(Fault::Stop, 0.1) {
        let stopped = !world.processes[process].stopping;
        world.processes[process].stopping = stopped;
        world.tell(process, if stopped { "is asked to stop" } else { "is started again" });
    }
    if world.dice.strikes(Fault::Night, 0.01) {
        let morning = world.now + night;
        for process in &mut world.processes {
            process.resumes = morning;
        }
        world.morning = morning;
        world.calm_from = world.calm_from.max(morning + TimeDelta::seconds(20));
        world.tell_as("-", &format!("no process does anything for {:.1} minutes", night.as_seconds_f64() / 60.0));
    }
    if world.dice.strikes(Fault::ClockJump, 0.15) {
        world.processes[process].skew = skew;
        world.tell(process, &format!("has its clock at {:+.1} s", skew.as_seconds_f64()));
    }
    if world.dice.strikes(Fault::QueueLoss, 0.1) {
        world.queue.lose();
        world.tell_as("queue", "comes back empty");
    }
    if world.dice.strikes(Fault::QueueCopy, 0.1) {
        world.queue.repeat();
        world.tell_as("queue", "delivers everything twice");
    }
    if world.dice.strikes(Fault::Outage, 0.05) {
        world.away_until = world.now + long;
        world.tell_as("store", &format!("is away for {:.1} s", long.as_seconds_f64()));
    }
    world.dice.between(1_000, 6_000)
}
