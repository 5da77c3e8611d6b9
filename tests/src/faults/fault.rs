//! The faults: how each is done, and undone.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedMutRandom;
use sqlx::{AnyConnection, Connection, Executor};

use super::stage::{self, LEASE, Pair, Role, Stage};
use crate::signal::signal;
use crate::{Daemon, eventually};

/// What one run does to the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Nothing: what traffic and judge cost by themselves.
    None,
    /// A daemon is killed with -9.
    DaemonKilled,
    /// A worker is killed with -9 while it runs a job.
    WorkerKilled,
    /// The probed platform is killed with -9.
    SandboxKilled,
    /// Every process is killed with -9 at once.
    AllKilled,
    /// Every process is asked to stop, one after the other, and started again.
    RollingRestart,
    /// A process that runs a job stands still past its lease, and wakes.
    WorkerStalled,
    /// A daemon stands still for five seconds.
    DaemonStalled,
    /// Redis forgets everything.
    RedisFlushed,
    /// Redis restarts empty.
    RedisRestarted,
    /// Redis stands still for five seconds.
    RedisStalled,
    /// Redis refuses connections for four seconds, and is empty.
    RedisAway,
    /// Redis answers slowly for six seconds.
    RedisSlow,
    /// Redis closes every connection.
    RedisCut,
    /// The ids in Redis are there three times, and late.
    QueueRepeated,
    /// Postgres restarts as after a crash.
    PostgresCrashed,
    /// Postgres is shut down by its administrator and is away for four seconds.
    PostgresShutDown,
    /// Postgres ends every session, three times.
    PostgresTerminated,
    /// Postgres stands still for five seconds.
    PostgresStalled,
    /// Postgres answers slowly for six seconds.
    PostgresSlow,
    /// Somebody locks the log's end for longer than others wait for a lock.
    PostgresLocked,
    /// Transactions are serializable, so that they lose against each other.
    PostgresSerializable,
    /// Postgres has no connection left.
    PostgresFull,
    /// Somebody holds SQLite's write lock for longer than others wait for it.
    SqliteBusy,
    /// The disk with the SQLite file and the uploads is full.
    DiskFull,
}

/// Whether a fault could be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It was done and undone.
    Yes,
    /// It cannot be done here, and why.
    Skipped(&'static str),
}

const STALL: Duration = Duration::from_secs(5);
const AWAY: Duration = Duration::from_secs(4);
const SLOW: Duration = Duration::from_secs(6);
/// What a slow server is stopped for, and what it then runs for, over and over.
const SLOWLY: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(15)];
/// Longer than the product waits for a lock.
const LOCKED: Duration = Duration::from_secs(12);
/// Sessions more than Postgres has by default.
const SESSIONS: usize = 120;

/// Lets a fault last; nothing is waited for here.
async fn lasts(duration: Duration) {
    tokio::time::sleep(duration).await;
}

impl Fault {
    /// Every fault, in the order in which tables show them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        <Self as clap::ValueEnum>::value_variants()
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it can befall a pair.
    #[must_use]
    pub fn befalls(self, pair: Pair) -> bool {
        match self {
            Self::None
            | Self::DaemonKilled
            | Self::AllKilled
            | Self::RollingRestart
            | Self::WorkerStalled
            | Self::DaemonStalled => true,
            Self::SqliteBusy | Self::DiskFull => pair == Pair::Embedded,
            _ => pair == Pair::Shared,
        }
    }

    /// Whether a daemon that says meanwhile that nothing is wrong does not tell the truth.
    #[must_use]
    pub fn is_to_be_told(self) -> bool {
        matches!(self, Self::RedisStalled | Self::RedisAway | Self::PostgresShutDown | Self::PostgresStalled)
    }

    /// Whether it shall meet a job that takes its time.
    #[must_use]
    pub(super) fn meets_work(self) -> bool {
        matches!(
            self,
            Self::DaemonKilled | Self::WorkerKilled | Self::AllKilled | Self::RollingRestart | Self::WorkerStalled
        )
    }

    /// Does it and undoes it.
    ///
    /// # Errors
    /// What a process did that it must not do.
    ///
    /// # Panics
    /// Where the stage lacks what the fault befalls.
    pub async fn befall(self, stage: &mut Stage, dice: &mut StdRng) -> Result<Done, String> {
        let (daemons, workers): (&[Role], &[Role]) = match stage.pair {
            Pair::Embedded => (&[Role::Daemon], &[Role::Daemon]),
            Pair::Shared => (&[Role::Daemon], &[Role::Worker]),
        };
        match self {
            Self::None => {}
            Self::DaemonKilled => {
                lasts(moment(dice)).await;
                if let Some(daemon) = stage.running(daemons).choose_mut(dice) {
                    daemon.kill();
                }
                restart(stage)?;
            }
            Self::SandboxKilled => {
                lasts(moment(dice)).await;
                stage.running(&[Role::Sandbox]).into_iter().for_each(Daemon::kill);
                restart(stage)?;
            }
            Self::WorkerKilled => {
                let holder = holder(stage).await;
                stage.running(workers).into_iter().filter(|worker| worker.id() == holder).for_each(Daemon::kill);
                restart(stage)?;
            }
            Self::AllKilled => {
                lasts(moment(dice)).await;
                for process in stage.processes() {
                    process.running.take().iter_mut().for_each(Daemon::kill);
                }
                restart(stage)?;
            }
            Self::RollingRestart => {
                for place in 0..stage.processes().len() {
                    if let Some(mut daemon) = stage.processes()[place].running.take() {
                        stage::stop(&mut daemon).await?;
                    }
                    restart(stage)?;
                }
            }
            Self::WorkerStalled => {
                let holder = holder(stage).await;
                signal(holder, "STOP");
                lasts(LEASE * 3).await;
                signal(holder, "CONT");
            }
            Self::DaemonStalled => {
                let stalled = stage.running(daemons).choose_mut(dice).map(|daemon| daemon.id());
                let stalled = stalled.expect("a daemon runs");
                signal(stalled, "STOP");
                lasts(STALL).await;
                signal(stalled, "CONT");
            }
            Self::SqliteBusy => sqlite_busy(stage).await?,
            Self::DiskFull => return disk_full(stage).await,
            Self::QueueRepeated => queue_repeated(stage).await,
            Self::RedisFlushed
            | Self::RedisRestarted
            | Self::RedisStalled
            | Self::RedisAway
            | Self::RedisSlow
            | Self::RedisCut => self.befall_redis(stage).await,
            _ => self.befall_postgres(stage).await?,
        }
        Ok(Done::Yes)
    }

    async fn befall_redis(self, stage: &mut Stage) {
        let (_, redis) = stage.servers.as_mut().expect("the pair has a Redis");
        match self {
            Self::RedisFlushed => redis.flush(),
            Self::RedisStalled => {
                redis.signal("STOP");
                lasts(STALL).await;
                redis.signal("CONT");
            }
            Self::RedisSlow => {
                let begun = tokio::time::Instant::now();
                while begun.elapsed() < SLOW {
                    redis.signal("STOP");
                    lasts(SLOWLY[0]).await;
                    redis.signal("CONT");
                    lasts(SLOWLY[1]).await;
                }
            }
            Self::RedisCut => {
                for kind in ["normal", "pubsub"] {
                    redis.command(&["client", "kill", "type", kind]);
                }
            }
            _ => {
                redis.kill();
                if self == Self::RedisAway {
                    lasts(AWAY).await;
                }
                redis.resume().await;
            }
        }
    }

    async fn befall_postgres(self, stage: &mut Stage) -> Result<(), String> {
        let database = stage.database();
        let (postgres, _) = stage.servers.as_mut().expect("the pair has a Postgres");
        match self {
            Self::PostgresCrashed => {
                postgres.kill();
                postgres.resume().await;
            }
            Self::PostgresShutDown => {
                postgres.shut_down();
                lasts(AWAY).await;
                postgres.resume().await;
            }
            Self::PostgresStalled => {
                postgres.pause();
                lasts(STALL).await;
                postgres.go_on();
            }
            Self::PostgresSlow => {
                let begun = tokio::time::Instant::now();
                while begun.elapsed() < SLOW {
                    postgres.pause();
                    lasts(SLOWLY[0]).await;
                    postgres.go_on();
                    lasts(SLOWLY[1]).await;
                }
            }
            Self::PostgresTerminated => {
                for _ in 0..3 {
                    run(&database, TERMINATE).await?;
                    lasts(SLOWLY[0]).await;
                }
            }
            Self::PostgresLocked => {
                let mut connection = connect(&database).await?;
                let mut tx = connection.begin().await.map_err(|error| error.to_string())?;
                tx.execute("select seq from event_head for update").await.map_err(|error| error.to_string())?;
                lasts(LOCKED).await;
                tx.rollback().await.map_err(|error| error.to_string())?;
            }
            Self::PostgresSerializable => {
                run(&database, "alter role workbench set default_transaction_isolation = 'serializable'").await?;
                run(&database, TERMINATE).await?;
                lasts(STALL).await;
                run(&database, "alter role workbench reset default_transaction_isolation").await?;
                run(&database, TERMINATE).await?;
            }
            Self::PostgresFull => {
                run(&database, TERMINATE).await?;
                let mut held = Vec::new();
                while held.len() < SESSIONS {
                    match AnyConnection::connect(&database).await {
                        Ok(connection) => held.push(connection),
                        Err(_) => break,
                    }
                }
                lasts(AWAY).await;
            }
            _ => {}
        }
        Ok(())
    }
}

const TERMINATE: &str = "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";

/// A random moment of the traffic.
fn moment(dice: &mut StdRng) -> Duration {
    Duration::from_millis(dice.random_range(0..1_000))
}

fn restart(stage: &mut Stage) -> Result<(), String> {
    stage.start_missing().map_err(|log| format!("a process did not come back:\n{log}"))
}

async fn connect(database: &str) -> Result<AnyConnection, String> {
    AnyConnection::connect(database).await.map_err(|error| format!("the judge cannot connect: {error}"))
}

async fn run(database: &str, statement: &'static str) -> Result<(), String> {
    let mut connection = connect(database).await?;
    connection.execute(statement).await.map_err(|error| error.to_string())?;
    connection.close().await.map_err(|error| error.to_string())
}

/// A process that runs a job right now, by what the job's row says.
async fn holder(stage: &mut Stage) -> u32 {
    let database = stage.database();
    let roles = [Role::Daemon, Role::Worker];
    let ours: Vec<u32> = stage.running(&roles).iter().map(|worker| worker.id()).collect();
    eventually("somebody to run a job", || async {
        let mut connection = connect(&database).await.ok()?;
        let statement = "select worker from jobs where state = 'running' order by started_at desc";
        let workers: Vec<String> = sqlx::query_scalar(statement).fetch_all(&mut connection).await.ok()?;
        // A worker is called workbench-PROCESS-ULID.
        let processes = workers.iter().filter_map(|worker| worker.split('-').nth(1)?.parse().ok());
        processes.into_iter().find(|process| ours.contains(process))
    })
    .await
}

async fn queue_repeated(stage: &mut Stage) {
    let workers: Vec<u32> = stage.running(&[Role::Worker]).iter().map(|worker| worker.id()).collect();
    for worker in &workers {
        signal(*worker, "STOP");
    }
    // Shorter than a lease: nobody takes over, ids pile up.
    lasts(LEASE / 2).await;
    let script = "local ids = redis.call('lrange', KEYS[1], 0, -1) \
         for _ = 1, 2 do for _, id in ipairs(ids) do redis.call('rpush', KEYS[1], id) end end return #ids";
    let (_, redis) = stage.servers.as_ref().expect("the pair has a Redis");
    redis.command(&["eval", script, "1", "workbench:jobs:active"]);
    for worker in &workers {
        signal(*worker, "CONT");
    }
}

async fn sqlite_busy(stage: &mut Stage) -> Result<(), String> {
    let mut connection = connect(&stage.database()).await?;
    let execute = |error: sqlx::Error| error.to_string();
    connection.execute("pragma busy_timeout = 20000").await.map_err(execute)?;
    connection.execute("begin immediate").await.map_err(execute)?;
    lasts(LOCKED).await;
    connection.execute("rollback").await.map_err(execute)?;
    connection.close().await.map_err(execute)
}

async fn disk_full(stage: &mut Stage) -> Result<Done, String> {
    if !stage.has_own_disk() {
        return Ok(Done::Skipped("no small disk can be mounted here"));
    }
    let ballast = stage.data().join("filler");
    let path = ballast.clone();
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::create(path)?;
        // Zeros, until the disk takes no more.
        Ok::<_, std::io::Error>(std::io::copy(&mut std::io::repeat(0), &mut file).is_err())
    });
    let full = writing.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    lasts(STALL).await;
    std::fs::remove_file(&ballast).map_err(|error| error.to_string())?;
    if full { Ok(Done::Yes) } else { Err("the disk did not fill".to_owned()) }
}
