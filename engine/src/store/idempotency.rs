//! Answers kept for repeated requests with the same `Idempotency-Key`.
//!
//! Key, effect and answer are one transaction: a request that was cut off has taken neither, and a second one
//! that comes meanwhile waits for the first on the key's row.

use chrono::TimeDelta;

use super::row::{Columns, micros};
use super::{StoreError, Tx};

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers worth repeating, as JSON: `Location`, `ETag`, `Content-Type`.
    pub headers: String,
    /// The body.
    pub body: String,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// Nothing: the request is the first, and the key is now taken.
    First,
    /// The key was used for another request.
    OtherRequest,
    /// The answer of the first.
    Answered(StoredAnswer),
}

/// For how long answers are kept.
pub const KEPT: TimeDelta = TimeDelta::hours(24);

impl Tx {
    /// Takes a key for a request, or tells what became of the request that took it. [`Tx::keep_answer`] must follow
    /// in the same transaction.
    pub async fn take_idempotency_key(&mut self, key: &str, fingerprint: &str) -> Result<Replay, StoreError> {
        let (now, actor) = (self.now(), self.actor().id.clone());
        self.execute(
            sqlx::query("delete from idempotency_keys where actor = $1 and key = $2 and created_at < $3")
                .bind(&actor)
                .bind(key)
                .bind(micros(now - KEPT)),
        )
        .await?;
        let taken = self
            .execute(
                sqlx::query(
                    "insert into idempotency_keys (actor, key, fingerprint, created_at) values ($1, $2, $3, $4)
                     on conflict (actor, key) do nothing",
                )
                .bind(&actor)
                .bind(key)
                .bind(fingerprint)
                .bind(micros(now)),
            )
            .await?;
        if taken == 1 {
            return Ok(Replay::First);
        }
        let row = self
            .maybe_row(
                sqlx::query("select * from idempotency_keys where actor = $1 and key = $2").bind(&actor).bind(key),
            )
            .await?
            .ok_or_else(|| StoreError::not_found("idempotency key", key))?;
        if row.text("fingerprint")? != fingerprint {
            return Ok(Replay::OtherRequest);
        }
        let status = u16::try_from(row.int("status")?).map_err(|_| StoreError::corrupt("status", "no HTTP status"))?;
        Ok(Replay::Answered(StoredAnswer { status, headers: row.text("headers")?, body: row.text("body")? }))
    }

    /// Keeps the answer of the request that took the key.
    pub async fn keep_answer(&mut self, key: &str, answer: &StoredAnswer) -> Result<(), StoreError> {
        let actor = self.actor().id.clone();
        self.execute(
            sqlx::query(
                "update idempotency_keys set status = $1, headers = $2, body = $3 where actor = $4 and key = $5",
            )
            .bind(i64::from(answer.status))
            .bind(&answer.headers)
            .bind(&answer.body)
            .bind(actor)
            .bind(key),
        )
        .await?;
        Ok(())
    }
}
