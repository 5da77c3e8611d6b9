//! The log in SQL: appending to the chain, reading it, verifying it.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{Any, Executor};

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::log::{Actor, Entry, NewEntry, Sealed};

/// Which events are wanted, in order of `seq`.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only after this one.
    pub after: i64,
    /// Only of this tenant.
    pub tenant_id: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// The end of the chain of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChainHead {
    /// Number of the last event; 0 where there is none.
    pub seq: i64,
    /// Its hash, empty where there is none.
    pub hash: String,
}

/// What a verification of the chain found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Entries that hold.
    pub entries: i64,
    /// The last of them.
    pub head: ChainHead,
    /// The first entry that does not fit, and why.
    pub broken: Option<(i64, String)>,
}

fn entry(row: &AnyRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: row.int("seq")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        acting_as: row.maybe_text("acting_as")?,
        kind: row.text("kind")?,
        tenant_id: row.maybe_text("tenant_id")?,
        checklist_id: row.maybe_text("checklist_id")?,
        payload: row.json("payload")?,
        prev_hash: row.text("prev_hash")?,
        hash: row.text("hash")?,
    })
}

impl Tx {
    /// Appends entries to the chain. The head row is locked here and held until the commit, which follows at
    /// once: the log has neither gaps nor forks.
    pub(super) async fn append(
        &mut self,
        entries: Vec<NewEntry>,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entry>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let head = self
            .maybe_row(sqlx::query("update event_head set seq = seq + $1 where id = 1 returning seq, hash").bind(count))
            .await?
            .ok_or_else(|| StoreError::not_found("event head", "1"))?;
        let mut seq = head.int("seq")? - count;
        let mut prev_hash = head.text("hash")?;
        let mut appended = Vec::with_capacity(entries.len());
        for new in entries {
            seq += 1;
            let payload = new.payload.to_string();
            let hash = Sealed {
                prev_hash: &prev_hash,
                seq,
                at_micros: micros(now),
                actor: &actor.id,
                acting_as: actor.acting_as.as_deref(),
                kind: &new.kind,
                tenant_id: new.tenant_id.as_deref(),
                checklist_id: new.checklist_id.as_deref(),
                payload: &payload,
            }
            .hash();
            self.execute(
                sqlx::query(
                    "insert into events (seq, at, actor, acting_as, kind, tenant_id, checklist_id, payload, prev_hash, hash)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                )
                .bind(seq)
                .bind(micros(now))
                .bind(&actor.id)
                .bind(&actor.acting_as)
                .bind(&new.kind)
                .bind(&new.tenant_id)
                .bind(&new.checklist_id)
                .bind(&payload)
                .bind(&prev_hash)
                .bind(&hash),
            )
            .await?;
            appended.push(Entry {
                seq,
                at: now,
                actor: actor.id.clone(),
                acting_as: actor.acting_as.clone(),
                kind: new.kind,
                tenant_id: new.tenant_id,
                checklist_id: new.checklist_id,
                payload: new.payload,
                prev_hash: std::mem::replace(&mut prev_hash, hash.clone()),
                hash,
            });
        }
        self.execute(sqlx::query("update event_head set hash = $1 where id = 1").bind(&prev_hash)).await?;
        Ok(appended)
    }
}

impl Store {
    /// The number of the last event.
    pub async fn head_seq(&self) -> Result<i64, StoreError> {
        sqlx::query("select seq from event_head where id = 1").fetch_one(&self.pool).await?.int("seq")
    }

    /// Events in order.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<Entry>, StoreError> {
        let rows = match &filter.tenant_id {
            Some(tenant) => {
                sqlx::query("select * from events where seq > $1 and tenant_id = $2 order by seq limit $3")
                    .bind(filter.after)
                    .bind(tenant.as_str())
                    .bind(filter.limit)
                    .fetch_all(&self.pool)
                    .await?
            }
            None => {
                sqlx::query("select * from events where seq > $1 order by seq limit $2")
                    .bind(filter.after)
                    .bind(filter.limit)
                    .fetch_all(&self.pool)
                    .await?
            }
        };
        rows.iter().map(entry).collect()
    }

    /// The latest events of a tenant, newest first.
    pub async fn latest_events(&self, filter: &EventFilter) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query("select * from events where seq > $1 and tenant_id = $2 order by seq desc limit $3")
            .bind(filter.after)
            .bind(filter.tenant_id.as_deref().unwrap_or_default())
            .bind(filter.limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(entry).collect()
    }

    /// Reads the whole chain and checks every link, in constant memory. Entries written meanwhile may or may not be
    /// among those read.
    pub async fn verify_events(&self) -> Result<Verified, StoreError> {
        self.verify_events_since(&ChainHead::default()).await
    }

    /// As [`Store::verify_events`], with an end of the chain that was noted elsewhere: it must still be a part of the chain.
    /// Whoever can write to the database can cut the log and move its stored end, and is found out by nothing else.
    pub async fn verify_events_since(&self, noted: &ChainHead) -> Result<Verified, StoreError> {
        let stored = head(&self.pool).await?;
        let mut rows = sqlx::query("select * from events order by seq").fetch(&self.pool);
        let mut last = ChainHead::default();
        let broken = |last: ChainHead, seq: i64, why: &str| {
            Ok(Verified { entries: last.seq, head: last, broken: Some((seq, why.to_owned())) })
        };
        while let Some(row) = rows.try_next().await? {
            let seq = last.seq + 1;
            if row.int("seq")? != seq {
                return broken(last, seq, "it is missing");
            }
            let link = match link(&row) {
                Ok(link) => link,
                // Nothing was written in such a way.
                Err(error) => return broken(last, seq, &format!("it cannot be read: {error}")),
            };
            if link.prev_hash != last.hash {
                return broken(last, seq, "it does not name its predecessor's hash");
            }
            if link.stored != link.computed {
                return broken(last, seq, "its content was changed after it was written");
            }
            for (end, why) in [
                (&stored, "the stored end of the chain does not match it"),
                (noted, "it is not the event that was noted"),
            ] {
                if seq == end.seq && link.computed != end.hash {
                    return broken(last, seq, why);
                }
            }
            last = ChainHead { seq, hash: link.computed };
        }
        if last.seq < stored.seq.max(noted.seq) {
            let seq = last.seq + 1;
            return broken(last, seq, "it and all that followed are missing");
        }
        Ok(Verified { entries: last.seq, head: last, broken: None })
    }
}

/// Where the chain ends by what is stored.
pub(super) async fn head<'a>(from: impl Executor<'a, Database = Any>) -> Result<ChainHead, StoreError> {
    let row = sqlx::query("select seq, hash from event_head where id = 1").fetch_one(from).await?;
    Ok(ChainHead { seq: row.int("seq")?, hash: row.text("hash")? })
}

/// An entry's place in the chain: the hashes that it was stored with, and the one that its content has.
struct Link {
    prev_hash: String,
    stored: String,
    computed: String,
}

fn link(row: &AnyRow) -> Result<Link, StoreError> {
    let (actor, acting_as, kind) = (row.text("actor")?, row.maybe_text("acting_as")?, row.text("kind")?);
    let (tenant_id, checklist_id) = (row.maybe_text("tenant_id")?, row.maybe_text("checklist_id")?);
    let (payload, prev_hash) = (row.text("payload")?, row.text("prev_hash")?);
    let computed = Sealed {
        prev_hash: &prev_hash,
        seq: row.int("seq")?,
        at_micros: row.int("at")?,
        actor: &actor,
        acting_as: acting_as.as_deref(),
        kind: &kind,
        tenant_id: tenant_id.as_deref(),
        checklist_id: checklist_id.as_deref(),
        payload: &payload,
    }
    .hash();
    Ok(Link { stored: row.text("hash")?, computed, prev_hash })
}
