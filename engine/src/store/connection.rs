//! Connecting, migrating, and the transaction in which everything is written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::ErrorCode;
use sqlx::any::{AnyArguments, AnyPoolOptions, AnyRow};
use sqlx::migrate::Migrator;
use sqlx::query::Query;
use sqlx::{Any, AnyPool, Connection, Executor, Transaction};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};

use super::bulk::Bulk;
use super::rollback::RollbackRefusal;
use super::row::Columns;
use crate::definition::Definition;
use crate::log::{Actor, Entry, NewEntry};
use crate::precision::to_micros;

/// Which database stands behind the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one writer at a time.
    Sqlite,
    /// A server.
    Postgres,
}

/// What can go wrong between us and the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be connected to.
    #[error("there is no connection to the database `{address}`: {error}")]
    Connect {
        /// Its address, without a password.
        address: String,
        /// What the driver said.
        error: sqlx::Error,
    },
    /// The file of the database does not exist.
    #[error("there is no database `{path}`")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The schema is older or newer than this program.
    #[error("the database's schema is not the one that this version of workbench works with")]
    Outdated,
    /// The database answered with an error, or not at all.
    #[error("the database did not carry out a statement: {0}")]
    Sql(#[from] sqlx::Error),
    /// SQLite did not take a chunk of records.
    #[error("the database did not take records: {0}")]
    Insert(#[from] rusqlite::Error),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The migration lock beside the SQLite file could not be taken.
    #[error("the migration lock `{path}` could not be taken: {error}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The address names no database that is supported.
    #[error("`{0}` is no database address; use `sqlite:PATH` or `postgres://…`")]
    Address(String),
    /// A stored value is not what it must be.
    #[error("the stored value of `{column}` is damaged: {cause}")]
    Corrupt {
        /// The column.
        column: String,
        /// What is wrong with it.
        cause: String,
    },
    /// There is no such thing.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It exists already.
    #[error("{what} `{id}` exists already")]
    Exists {
        /// What was to be made.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The command was refused by a rule.
    #[error(transparent)]
    Refused(#[from] crate::checklist::Refusal),
    /// The job command was refused by a rule.
    #[error(transparent)]
    JobRefused(#[from] crate::job::JobRefusal),
    /// A command of the course was refused by a rule.
    #[error(transparent)]
    CourseRefused(#[from] crate::course::CourseRefusal),
    /// The import is not in a state that allows it.
    #[error("the import {}; it cannot be {} now", .from.in_words(), .to.as_deed())]
    ImportState {
        /// Where it stands.
        from: crate::import::ImportState,
        /// Where it was to go.
        to: crate::import::ImportState,
    },
    /// Somebody had the file read again since its preview was looked at.
    #[error("the preview is another one than the one looked at; somebody had it read again with another mapping")]
    StalePreview,
    /// The import waited in preview for too long.
    #[error("the preview could be confirmed until {until}")]
    PreviewExpired {
        /// Until when.
        until: DateTime<Utc>,
    },
    /// The import cannot be undone.
    #[error("{0}")]
    Rollback(RollbackRefusal),
    /// Another import of the tenant writes its records.
    #[error("the tenant's import `{import}` is being stored or undone; try again when it has ended")]
    ImportBusy {
        /// The other import.
        import: String,
    },
    /// Another import of the tenant wrote its records after this one had stopped in the middle.
    #[error("the tenant's import `{import}` was stored or undone after this one had stopped in the middle")]
    ImportOvertaken {
        /// The other import.
        import: String,
    },
    /// A workflow file was changed without raising its version.
    #[error("workflow `{name}` version {version} was loaded before with other content; raise `version` to change it")]
    VersionChanged {
        /// The workflow.
        name: String,
        /// Its version.
        version: u32,
    },
}

impl StoreError {
    pub(super) fn corrupt(column: &str, cause: &str) -> Self {
        Self::Corrupt { column: column.to_owned(), cause: cause.to_owned() }
    }

    pub(super) fn not_found(what: &'static str, id: &str) -> Self {
        Self::NotFound { what, id: id.to_owned() }
    }

    /// Whether the database is out of reach rather than unwilling: the caller may try again later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Sql(error) => match error {
                sqlx::Error::Io(_)
                | sqlx::Error::BeginFailed
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_) => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| passes(&code)),
                _ => false,
            },
            Self::Insert(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::ReadOnly
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::DiskFull
                        | ErrorCode::CannotOpen
                )
            ),
            Self::Connect { .. } => true,
            _ => false,
        }
    }

    /// Whether the database did its part and the transaction lost against another: trying again at once may do.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            // 40: a serialization failure or a deadlock, on which the whole transaction is rolled back.
            Self::Sql(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.len() == 5 && code.starts_with("40"))
            }
            _ => false,
        }
    }
}

/// Whether an error of this code passes by itself, or once the database's machine is mended: no request can help it.
fn passes(code: &str) -> bool {
    // Postgres: 08 is the connection, 40 a transaction that lost against another, 53 resources, 57P a server that
    // stops or starts, 58 its machine, 55P03 a lock not had in time, 25P03 a transaction that was left open for too
    // long, 25006 a server that only reads, as one does that was not promoted yet.
    const POSTGRES: [&str; 8] = ["08", "40", "53", "57P", "58", "55P03", "25P03", "25006"];
    let postgres = code.len() == 5 && POSTGRES.iter().any(|class| code.starts_with(class));
    // SQLite: the low byte of an extended code is its class; 5 is busy, 6 locked, 8 read-only, 10 the disk's failure, 13 a
    // full disk, 14 a file that cannot be opened.
    let sqlite =
        code.len() < 5 && code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
    postgres || sqlite
}

/// What every Postgres connection is told. A process that stalls in a transaction, or whose host is gone, must not
/// hold its locks for long: the log's head is one of them, and everybody waits for it.
pub(super) const POSTGRES_SESSION: [&str; 4] = [
    "set idle_in_transaction_session_timeout = '10s'",
    "set lock_timeout = '10s'",
    "set tcp_user_timeout = '15s'",
    "set tcp_keepalives_idle = 15",
];
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// FULL: a commit that was answered survives a power cut.
pub(super) const SQLITE_SESSION: [&str; 3] =
    ["pragma journal_mode = wal", "pragma synchronous = full", "pragma busy_timeout = 10000"];

/// A pool of connections, and what wakes those who wait for news.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) pool: AnyPool,
    pub(super) bulk: Bulk,
    dialect: Dialect,
    /// SQLite has one writer: waiting here is fair and cheap, waiting in SQLite is neither.
    writer: Arc<Mutex<()>>,
    jobs_wanted: Arc<Notify>,
    head: Arc<watch::Sender<i64>>,
    /// Stored versions never change, so each is read once.
    definitions: Arc<std::sync::Mutex<Definitions>>,
}

/// Definitions by name and version.
type Definitions = HashMap<(String, u32), Arc<Definition>>;

impl Store {
    /// Connects to a database that must be there, with the schema that this program knows; changes neither.
    pub async fn connect_existing(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        if let Some(path) = sqlite_path(url)
            && !path.is_file()
        {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let store = Self::connect(url, max_connections).await?;
        if store.schema_is_current().await? { Ok(store) } else { Err(StoreError::Outdated) }
    }

    /// Connects without touching the schema. `url` is `sqlite:PATH` or `postgres://…`.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = if url.starts_with("sqlite:") {
            Dialect::Sqlite
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Dialect::Postgres
        } else {
            return Err(StoreError::Address(without_password(url)));
        };
        let session: &'static [&'static str] = match dialect {
            Dialect::Sqlite => &SQLITE_SESSION,
            Dialect::Postgres => &POSTGRES_SESSION,
        };
        let address = without_password(url);
        let url = driver_url(url);
        let pool = AnyPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(CONNECT_TIMEOUT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for statement in session {
                        connection.execute(*statement).await?;
                    }
                    Ok(())
                })
            })
            // SQLite ends a transaction by itself when the disk is full. The driver then still counts it as begun, and
            // would never again begin one on this connection.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_lazy(&url)
            .map_err(|error| StoreError::Connect { address: address.clone(), error })?;
        // A pool only says that it waited in vain; a connection says why.
        let first = sqlx::AnyConnection::connect(&url);
        match tokio::time::timeout(CONNECT_TIMEOUT, first).await {
            Ok(Ok(connection)) => connection.close().await?,
            Ok(Err(error)) => return Err(StoreError::Connect { address, error }),
            Err(_) => return Err(StoreError::Connect { address, error: sqlx::Error::PoolTimedOut }),
        }
        let bulk = match dialect {
            Dialect::Sqlite => Bulk::sqlite(sqlite_path(&url).unwrap_or(Path::new("workbench.db"))),
            Dialect::Postgres => Bulk::postgres(&url, max_connections)?,
        };
        Ok(Self {
            pool,
            bulk,
            dialect,
            writer: Arc::default(),
            jobs_wanted: Arc::default(),
            head: Arc::new(watch::Sender::new(0)),
            definitions: Arc::default(),
        })
    }

    /// How many connections are open, and how many of these nobody uses.
    #[must_use]
    pub fn connections(&self) -> (u32, u32) {
        (self.pool.size(), u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX))
    }

    /// Brings the schema up to date. Safe with any number of processes at once: Postgres is held by an advisory
    /// lock, SQLite by a lock file beside the database.
    pub async fn migrate(&self, url: &str) -> Result<(), StoreError> {
        self.migrate_to(url, i64::MAX).await
    }

    /// As [`Store::migrate`], up to a version of the schema.
    pub async fn migrate_to(&self, url: &str, version: i64) -> Result<(), StoreError> {
        let mut migrator = self.migrator();
        let lock = match self.dialect {
            Dialect::Postgres => None,
            Dialect::Sqlite => Some(lock_beside(url).await?),
        };
        migrator.set_locking(lock.is_none());
        // On a connection without our limits: waiting for another daemon's migration may take its time.
        let mut connection = sqlx::AnyConnection::connect(&driver_url(url)).await?;
        if self.dialect == Dialect::Sqlite {
            for statement in SQLITE_SESSION {
                connection.execute(statement).await?;
            }
        }
        migrator.run_to(version, &mut connection).await?;
        connection.close().await?;
        drop(lock);
        Ok(())
    }

    fn migrator(&self) -> Migrator {
        let mut migrator = match self.dialect {
            Dialect::Postgres => sqlx::migrate!("../migrations/postgres"),
            Dialect::Sqlite => sqlx::migrate!("../migrations/sqlite"),
        };
        // A queue that keeps tables of its own in the same database must never meet our history.
        migrator.dangerous_set_table_name("workbench_migrations");
        migrator
    }

    /// Whether every migration that this program knows, and no other, has been applied.
    async fn schema_is_current(&self) -> Result<bool, StoreError> {
        let applied = self.applied_migrations().await?;
        Ok(applied.into_iter().eq(self.migrator().iter().map(|migration| migration.version)))
    }

    /// The migrations that have been applied, in order; none where there is no schema.
    async fn applied_migrations(&self) -> Result<Vec<i64>, StoreError> {
        let applied = sqlx::query("select version from workbench_migrations where success order by version")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::from);
        match applied {
            Ok(rows) => rows.iter().map(|row| row.int("version")).collect(),
            // Without the table, nothing was ever migrated.
            Err(error @ StoreError::Sql(sqlx::Error::Database(_))) if !error.is_unavailable() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The version of the schema, which is that of the last migration; none where there is no schema.
    pub async fn schema_version(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.applied_migrations().await?.pop())
    }

    /// Every version that the schema has had, the one that this program works with last.
    #[must_use]
    pub fn known_schemas(&self) -> Vec<i64> {
        self.migrator().iter().map(|migration| migration.version).collect()
    }

    /// Which database it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Begins a transaction that may write, at `now` or later: the time is taken again once the transaction has
    /// what it waited for (see [`Tx::now`]). On SQLite it takes the write lock at once: a read transaction is never
    /// upgraded.
    pub async fn begin(&self, actor: &Actor, now: DateTime<Utc>) -> Result<Tx, StoreError> {
        let mut tx = self.begin_in_the_past(actor, now.max(Utc::now())).await?;
        tx.time_is_fixed = false;
        Ok(tx)
    }

    /// As [`Store::begin`], for histories that are made up: at exactly this time, which may have been long ago. Who makes
    /// them keeps the times of each tenant in order.
    pub async fn begin_in_the_past(&self, actor: &Actor, at: DateTime<Utc>) -> Result<Tx, StoreError> {
        let (writer, begin) = match self.dialect {
            Dialect::Sqlite => (Some(self.hold_writer().await), "begin immediate"),
            Dialect::Postgres => (None, "begin"),
        };
        let inner = self.pool.begin_with(begin).await?;
        Ok(Tx {
            inner,
            store: self.clone(),
            actor: actor.clone(),
            now: to_micros(at),
            time_is_fixed: true,
            entries: Vec::new(),
            jobs_wanted: false,
            _writer: writer,
        })
    }

    /// Waits for the turn to write. On SQLite only.
    pub(super) async fn hold_writer(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writer).lock_owned().await
    }

    /// Resolves when a transaction of this process has written a job.
    pub async fn jobs_wanted(&self) {
        self.jobs_wanted.notified().await;
    }

    /// The number of the last event this process knows of; changes with every commit and every
    /// [`Store::observe_head`].
    #[must_use]
    pub fn watch_head(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    /// How many wait for events in this process.
    #[must_use]
    pub fn head_watchers(&self) -> usize {
        self.head.receiver_count()
    }

    /// Tells those who wait what the log's end is, as read from the database: other processes write, too.
    pub async fn observe_head(&self) -> Result<i64, StoreError> {
        let head = self.head_seq().await?;
        self.advance_head(head);
        Ok(head)
    }

    /// A definition that was read before.
    pub(super) fn known_definition(&self, name: &str, version: u32) -> Option<Arc<Definition>> {
        let known = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(name.to_owned(), version)).map(Arc::clone)
    }

    pub(super) fn remember_definition(&self, definition: Definition) -> Arc<Definition> {
        let definition = Arc::new(definition);
        let mut known = self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((definition.name.clone(), definition.version), Arc::clone(&definition));
        definition
    }

    fn advance_head(&self, seq: i64) {
        self.head.send_if_modified(|head| {
            let news = seq > *head;
            if news {
                *head = seq;
            }
            news
        });
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
        self.bulk.close().await;
    }
}

/// A transaction that may write. Dropped without [`Tx::commit`], it changes nothing.
pub struct Tx {
    pub(super) inner: Transaction<'static, Any>,
    store: Store,
    actor: Actor,
    now: DateTime<Utc>,
    time_is_fixed: bool,
    entries: Vec<NewEntry>,
    jobs_wanted: bool,
    // After the transaction, so that the write lock is given back last.
    _writer: Option<OwnedMutexGuard<()>>,
}

impl Tx {
    /// The time of what this transaction writes, to the microsecond. A transaction that decides about a checklist
    /// takes it anew once it holds the checklist, so that a later decision is never dated before an earlier one.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Fixes the time of this transaction, now that it holds what it waited for: not before `floor`. Whatever was
    /// decided is dated with it, so a second call changes nothing.
    pub(super) fn fix_time(&mut self, floor: DateTime<Utc>) {
        if !self.time_is_fixed {
            self.now = to_micros(self.now.max(Utc::now()).max(floor));
            self.time_is_fixed = true;
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Who writes.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// From here on somebody else writes, now that it is known who: what was recorded so far is theirs, too.
    pub fn act_as(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// Logs something with this transaction.
    pub fn record(&mut self, entry: NewEntry) {
        self.entries.push(entry);
    }

    /// Appends what was recorded to the chain and commits. Answers the entries as stored.
    pub async fn commit(mut self) -> Result<Vec<Entry>, StoreError> {
        let entries = std::mem::take(&mut self.entries);
        let (actor, now) = (self.actor.clone(), self.now);
        let appended = self.append(entries, &actor, now).await?;
        self.inner.commit().await?;
        if let Some(last) = appended.last() {
            self.store.advance_head(last.seq);
        }
        if self.jobs_wanted {
            self.store.jobs_wanted.notify_one();
        }
        Ok(appended)
    }

    pub(super) fn want_jobs(&mut self) {
        self.jobs_wanted = true;
    }

    /// The clause that makes a read hold its row until the commit; SQLite holds the whole file already.
    pub(super) fn for_update(&self) -> &'static str {
        match self.store.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " for update",
        }
    }

    /// As [`Tx::for_update`], letting others write rows that refer to this one.
    pub(super) fn for_no_key_update(&self) -> &'static str {
        match self.store.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " for no key update",
        }
    }

    /// As [`Tx::for_update`], passing over rows that another transaction holds.
    pub(super) fn skip_locked(&self) -> &'static str {
        match self.store.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " for update skip locked",
        }
    }

    pub(super) async fn execute(&mut self, query: Query<'_, Any, AnyArguments>) -> Result<u64, StoreError> {
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }

    pub(super) async fn maybe_row(
        &mut self,
        query: Query<'_, Any, AnyArguments>,
    ) -> Result<Option<AnyRow>, StoreError> {
        Ok(query.fetch_optional(&mut *self.inner).await?)
    }

    pub(super) async fn rows(&mut self, query: Query<'_, Any, AnyArguments>) -> Result<Vec<AnyRow>, StoreError> {
        Ok(query.fetch_all(&mut *self.inner).await?)
    }
}

/// The address as the driver wants it.
fn driver_url(url: &str) -> String {
    match sqlite_path(url) {
        Some(path) => format!("sqlite://{}?mode=rwc", path.display()),
        None => url.to_owned(),
    }
}

/// The file of a `sqlite:` address.
fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    Some(Path::new(path.split('?').next().unwrap_or(path)))
}

/// Takes the lock beside a SQLite file; it is given back when the handle is dropped, even by a killed process.
async fn lock_beside(url: &str) -> Result<std::fs::File, StoreError> {
    let mut path = sqlite_path(url).unwrap_or(Path::new("workbench.db")).as_os_str().to_owned();
    path.push(".migrating");
    let path = PathBuf::from(path);
    let held = path.clone();
    let locked = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::options().create(true).append(true).open(&held)?;
        file.lock()?;
        Ok(file)
    });
    locked
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| StoreError::Lock { path, error })
}

/// An address for an error message. A driver takes passwords after the `?`, too.
fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or(url);
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://***{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    #[test]
    fn what_passes_by_itself_is_told_from_what_is_wrong_with_a_statement() {
        for code in ["57P01", "57P03", "53300", "53100", "58030", "40001", "40P01", "08006", "25006", "5", "261", "13"]
        {
            assert!(passes(code), "{code}");
        }
        for code in ["42601", "23505", "42P01", "22001", "1", "19", "787", "2067"] {
            assert!(!passes(code), "{code}");
        }
    }

    #[test]
    fn waiting_in_vain_for_a_connection_is_no_fault_of_the_request() {
        assert!(StoreError::Sql(sqlx::Error::PoolTimedOut).is_unavailable());
        assert!(!StoreError::Sql(sqlx::Error::RowNotFound).is_unavailable());
    }

    #[tokio::test]
    async fn a_full_disk_leaves_no_connection_behind_that_cannot_begin() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = fixture::store(&folder).await;
        for _ in 0..3 {
            let mut tx = fixture::begin(&store).await;
            // Never below the size that the file has: it may not grow.
            tx.execute(sqlx::query("pragma max_page_count = 1")).await.expect("the pragma is taken");
            let large = sqlx::query("insert into settings (key, value) values ('large', $1)").bind("x".repeat(1 << 20));
            let refused = tx.execute(large).await.expect_err("there is no room");
            assert!(refused.is_unavailable(), "{refused}");
            drop(tx);
        }
        let mut tx = fixture::begin(&store).await;
        tx.save_setting("small", "x").await.expect("a setting is stored");
        tx.commit().await.expect("the transaction is kept");
        assert!(matches!(store.setting("small").await, Ok::<_, StoreError>(Some(_))));
    }
}
