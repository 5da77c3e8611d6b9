//! What has expired and is only in the way: kept answers, sessions, login links.

use super::idempotency::KEPT;
use super::row::micros;
use super::{StoreError, Tx};

impl Tx {
    /// Removes at most `limit` expired rows of each kind, so that nobody waits for long. Answers how many it removed.
    pub async fn purge_expired(&mut self, limit: i64) -> Result<u64, StoreError> {
        let now = self.now();
        let mut removed = 0;
        for (statement, before) in [
            (
                "delete from idempotency_keys where (actor, key) in
                 (select actor, key from idempotency_keys where created_at < $1 limit $2)",
                now - KEPT,
            ),
            ("delete from sessions where hash in (select hash from sessions where expires_at < $1 limit $2)", now),
            (
                "delete from login_links where hash in (select hash from login_links where expires_at < $1 limit $2)",
                now,
            ),
        ] {
            removed += self.execute(sqlx::query(statement).bind(micros(before)).bind(limit)).await?;
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};

    use crate::log::Actor;
    use crate::store::{Credential, fixture};

    #[tokio::test]
    async fn expired_rows_go_in_small_steps_and_others_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = fixture::store(&folder).await;
        let holder = Credential { actor: "anna".to_owned(), role: "admin".to_owned() };
        let now = Utc::now();
        let mut tx = store.begin(&Actor::workbench(), now).await.expect("a transaction begins");
        for (name, lifetime) in [("a", -1), ("b", -1), ("c", -1), ("valid", 1)] {
            let expires_at = now + TimeDelta::hours(lifetime);
            tx.create_session(name, &holder, expires_at).await.expect("a session is stored");
            tx.create_login_link(name, &holder, expires_at).await.expect("a link is stored");
        }
        for (key, age) in [("old", 25), ("kept", 23)] {
            let insert =
                "insert into idempotency_keys (actor, key, fingerprint, created_at) values ('anna', $1, '', $2)";
            let created_at = (now - TimeDelta::hours(age)).timestamp_micros();
            tx.execute(sqlx::query(insert).bind(key).bind(created_at)).await.expect("a key is stored");
        }
        for removed in [5, 2, 0] {
            assert_eq!(tx.purge_expired(2).await.expect("expired rows are removed"), removed);
        }
        tx.commit().await.expect("the transaction is kept");
        assert_eq!(store.session_holder("valid", now).await.expect("the store answers"), Some(holder));
    }
}
