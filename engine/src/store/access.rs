//! Tokens, one-time login links and sessions. Only hashes are stored.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::log::NewEntry;

/// A bearer token, without its secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// `tok_` and a ULID.
    pub id: String,
    /// Whom it stands for in the audit.
    pub name: String,
    /// Role, by wire name.
    pub role: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A token to be stored; the caller keeps the secret and gives its hash.
#[derive(Debug, Clone, PartialEq)]
pub struct NewToken {
    /// Whom it stands for.
    pub name: String,
    /// Role, by wire name.
    pub role: String,
    /// SHA-256 of the secret, hex.
    pub hash: String,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who a valid secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The name for the audit.
    pub actor: String,
    /// Role, by wire name.
    pub role: String,
}

fn token(row: &AnyRow) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.text("id")?,
        name: row.text("name")?,
        role: row.text("role")?,
        created_at: row.time("created_at")?,
        expires_at: row.maybe_time("expires_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}

impl Store {
    /// Every token, newest first.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query("select * from tokens order by created_at desc").fetch_all(&self.pool).await?;
        rows.iter().map(token).collect()
    }

    /// Whom the token of this hash stands for, if it is valid now.
    pub async fn token_holder(&self, hash: &str, now: DateTime<Utc>) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query(
            "select name, role from tokens
             where hash = $1 and revoked_at is null and (expires_at is null or expires_at > $2)",
        )
        .bind(hash)
        .bind(micros(now))
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok(Credential { actor: row.text("name")?, role: row.text("role")? })).transpose()
    }

    /// Whom the session of this hash belongs to, if it is valid now.
    pub async fn session_holder(&self, hash: &str, now: DateTime<Utc>) -> Result<Option<Credential>, StoreError> {
        let row = sqlx::query("select actor, role from sessions where hash = $1 and expires_at > $2")
            .bind(hash)
            .bind(micros(now))
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(Credential { actor: row.text("actor")?, role: row.text("role")? })).transpose()
    }
}

impl Tx {
    /// Refuses a name that a valid token stands for already: two people behind one name could not be told apart in
    /// the audit.
    pub async fn claim_token_name(&mut self, name: &str) -> Result<(), StoreError> {
        // Every new token is logged. Whoever holds the log's end is the only one to make one.
        let lock = format!("select seq from event_head where id = 1{}", self.for_update());
        self.maybe_row(sqlx::query(AssertSqlSafe(lock))).await?;
        let now = micros(self.now());
        let holder = self
            .maybe_row(
                sqlx::query(
                    "select id from tokens
                     where name = $1 and revoked_at is null and (expires_at is null or expires_at > $2) limit 1",
                )
                .bind(name)
                .bind(now),
            )
            .await?;
        match holder {
            Some(_) => Err(StoreError::Exists { what: "a valid token for", id: name.to_owned() }),
            None => Ok(()),
        }
    }

    /// Stores a token.
    pub async fn create_token(&mut self, new: &NewToken) -> Result<String, StoreError> {
        let id = format!("tok_{}", Ulid::from_datetime(self.now().into()));
        let now = micros(self.now());
        self.execute(
            sqlx::query(
                "insert into tokens (id, name, role, hash, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&id)
            .bind(&new.name)
            .bind(&new.role)
            .bind(&new.hash)
            .bind(now)
            .bind(new.expires_at.map(micros)),
        )
        .await?;
        self.record(NewEntry {
            kind: "token_created".to_owned(),
            tenant_id: None,
            checklist_id: None,
            payload: json!({ "token": id, "name": new.name, "role": new.role }),
        });
        Ok(id)
    }

    /// Ends a token.
    pub async fn revoke_token(&mut self, id: &str) -> Result<(), StoreError> {
        let now = micros(self.now());
        let revoked = self
            .execute(
                sqlx::query("update tokens set revoked_at = $1 where id = $2 and revoked_at is null")
                    .bind(now)
                    .bind(id),
            )
            .await?;
        if revoked == 0 {
            return Err(StoreError::not_found("valid token", id));
        }
        self.record(NewEntry {
            kind: "token_revoked".to_owned(),
            tenant_id: None,
            checklist_id: None,
            payload: json!({ "token": id }),
        });
        Ok(())
    }

    /// Stores a one-time login link.
    pub async fn create_login_link(
        &mut self,
        hash: &str,
        holder: &Credential,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(
            sqlx::query("insert into login_links (hash, actor, role, expires_at) values ($1, $2, $3, $4)")
                .bind(hash)
                .bind(&holder.actor)
                .bind(&holder.role)
                .bind(micros(expires_at)),
        )
        .await?;
        Ok(())
    }

    /// Uses up a login link, if it is valid: a second use gives nothing.
    pub async fn use_login_link(&mut self, hash: &str) -> Result<Option<Credential>, StoreError> {
        let now = micros(self.now());
        let row = self
            .maybe_row(
                sqlx::query(
                    "update login_links set used_at = $1 where hash = $2 and used_at is null and expires_at > $1
                     returning actor, role",
                )
                .bind(now)
                .bind(hash),
            )
            .await?;
        row.map(|row| Ok(Credential { actor: row.text("actor")?, role: row.text("role")? })).transpose()
    }

    /// Stores a browser session.
    pub async fn create_session(
        &mut self,
        hash: &str,
        holder: &Credential,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let now = micros(self.now());
        self.execute(
            sqlx::query("insert into sessions (hash, actor, role, created_at, expires_at) values ($1, $2, $3, $4, $5)")
                .bind(hash)
                .bind(&holder.actor)
                .bind(&holder.role)
                .bind(now)
                .bind(micros(expires_at)),
        )
        .await?;
        self.record(NewEntry {
            kind: "logged_in".to_owned(),
            tenant_id: None,
            checklist_id: None,
            payload: json!({ "role": holder.role }),
        });
        Ok(())
    }

    /// Ends a browser session.
    pub async fn end_session(&mut self, hash: &str) -> Result<(), StoreError> {
        self.execute(sqlx::query("delete from sessions where hash = $1").bind(hash)).await?;
        self.record(NewEntry {
            kind: "logged_out".to_owned(),
            tenant_id: None,
            checklist_id: None,
            payload: serde_json::Value::Null,
        });
        Ok(())
    }
}
