//! Previews that nobody confirmed in time: refused, cancelled, and swept of what was stored for them.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::json;

use super::imports::Import;
use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::import::ImportState;

/// Last year that RFC 3339 can write.
const LAST_YEAR: i32 = 9999;

impl Import {
    /// Until when the preview could be confirmed, if that is over.
    #[must_use]
    pub fn expired(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let waits = self.state == ImportState::Preview;
        self.expires_at.filter(|until| self.expired_at.is_some() || (waits && *until < now))
    }
}

/// When a preview that is ready now expires; a time that no calendar knows is never.
pub(super) fn expiry(now: DateTime<Utc>, kept_for: TimeDelta) -> Option<DateTime<Utc>> {
    now.checked_add_signed(kept_for).filter(|at| at.year() <= LAST_YEAR)
}

impl Store {
    /// At most `limit` imports whose previews have expired and are not cancelled yet, longest expired first.
    pub async fn expired_previews(&self, now: DateTime<Utc>, limit: i64) -> Result<Vec<String>, StoreError> {
        let statement =
            "select id from imports where state = 'preview' and expires_at < $1 order by expires_at, id limit $2";
        let rows = sqlx::query(statement).bind(micros(now)).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| row.text("id")).collect()
    }

    /// At most `limit` imports that were cancelled because their previews expired, and still have findings or a file:
    /// id and where the file is.
    pub async fn unswept_previews(&self, limit: i64) -> Result<Vec<(String, String)>, StoreError> {
        let statement = "select id, object_key from imports where expired_at is not null and swept_at is null and state = 'cancelled'
                         order by expired_at, id limit $1";
        let rows = sqlx::query(statement).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.text("id")?, row.text("object_key")?))).collect()
    }
}

impl Tx {
    /// Cancels an import whose preview has expired. Whether it was; somebody may have confirmed or cancelled it first.
    pub async fn expire_preview(&mut self, import_id: &str) -> Result<bool, StoreError> {
        let import = self.locked_import(import_id).await?;
        let Some(until) = import.expired(self.now()).filter(|_| import.state == ImportState::Preview) else {
            return Ok(false);
        };
        let failure = json!({
            "code": "preview_expired",
            "message": StoreError::PreviewExpired { until }.to_string(),
            "hint": "Upload the file again.",
        });
        self.move_import(import_id, ImportState::Cancelled, json!({ "reason": "preview_expired" })).await?;
        // The sample shows people as they are in the file, and the file is to be gone.
        let update = "update imports set expired_at = $1, failure = $2, sample = null where id = $3";
        let now = micros(self.now());
        self.execute(sqlx::query(update).bind(now).bind(failure.to_string()).bind(import_id)).await?;
        Ok(true)
    }

    /// Removes at most `limit` findings of an import. Answers how many it removed.
    pub async fn remove_issues(&mut self, import_id: &str, limit: i64) -> Result<u64, StoreError> {
        let statement = "delete from import_issues where import_id = $1 and ordinal in
                         (select ordinal from import_issues where import_id = $1 order by ordinal limit $2)";
        self.execute(sqlx::query(statement).bind(import_id).bind(limit)).await
    }

    /// Notes that nothing is left of an expired preview but its row.
    pub async fn preview_swept(&mut self, import_id: &str) -> Result<(), StoreError> {
        let now = micros(self.now());
        let update = "update imports set swept_at = $1 where id = $2";
        self.execute(sqlx::query(update).bind(now).bind(import_id)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Actor;
    use crate::store::fixture;

    /// A store with imports that wait in preview: one expired an hour ago, one expires in an hour.
    async fn waiting(folder: &tempfile::TempDir, now: DateTime<Utc>) -> Store {
        let store = fixture::store(folder).await;
        let mut tx = store.begin(&Actor::workbench(), now).await.expect("a transaction begins");
        for (id, hours) in [("late", -1), ("early", 1)] {
            fixture::import(&mut tx, id, "preview", 0).await;
            let expires = sqlx::query("update imports set expires_at = $1 where id = $2");
            let expires_at = micros(now + TimeDelta::hours(hours));
            tx.execute(expires.bind(expires_at).bind(id)).await.expect("it expires");
            let issue = "insert into import_issues (import_id, ordinal, severity, code, line, message, hint)
                         values ($1, $2, 'warning', 'trimmed', 1, '', '')";
            for ordinal in 1..=3 {
                tx.execute(sqlx::query(issue).bind(id).bind(ordinal)).await.expect("an issue is stored");
            }
        }
        tx.commit().await.expect("the transaction is kept");
        store
    }

    #[tokio::test]
    async fn an_expired_preview_is_refused_cancelled_and_swept() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let now = Utc::now();
        let store = waiting(&folder, now).await;
        let begin = || async { store.begin(&Actor::workbench(), now).await.expect("a transaction begins") };
        let refused = begin().await.confirm_import("late", None).await.expect_err("too late");
        assert!(matches!(refused, StoreError::PreviewExpired { .. }), "{refused}");

        assert_eq!(store.expired_previews(now, 9).await.expect("the store answers"), ["late"]);
        let mut tx = begin().await;
        assert!(tx.expire_preview("late").await.expect("it is cancelled"));
        assert!(!tx.expire_preview("late").await.expect("it is cancelled already"));
        assert!(!tx.expire_preview("early").await.expect("it waits"));
        tx.commit().await.expect("the transaction is kept");
        let late = store.import("svbf", "late").await.expect("the row stays");
        assert_eq!((late.state, late.sample.is_none()), (ImportState::Cancelled, true));
        assert_eq!(late.failure.expect("a reason")["code"], "preview_expired");
        // It says the same as before it was cancelled.
        let refused = begin().await.confirm_import("late", None).await.expect_err("too late");
        assert!(matches!(refused, StoreError::PreviewExpired { .. }), "{refused}");

        let unswept = || async { store.unswept_previews(9).await.expect("the store answers") };
        assert_eq!(unswept().await, [("late".to_owned(), "late".to_owned())]);
        let mut tx = begin().await;
        for removed in [2, 1, 0] {
            assert_eq!(tx.remove_issues("late", 2).await.expect("issues are removed"), removed);
        }
        tx.preview_swept("late").await.expect("it is noted");
        tx.commit().await.expect("the transaction is kept");
        assert!(unswept().await.is_empty());
        assert_eq!(store.issue_groups("early").await.expect("the store answers").len(), 1);
    }

    #[tokio::test]
    async fn who_confirms_first_wins() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let now = Utc::now();
        let store = waiting(&folder, now).await;
        let mut tx = store.begin(&Actor::workbench(), now).await.expect("a transaction begins");
        assert!(tx.confirm_import("early", None).await.expect("it is in time").is_some());
        tx.commit().await.expect("the transaction is kept");
        let later = now + TimeDelta::hours(2);
        let mut tx = store.begin(&Actor::workbench(), later).await.expect("a transaction begins");
        assert!(!tx.expire_preview("early").await.expect("it is being loaded"));
    }

    #[test]
    fn a_window_that_no_calendar_holds_never_ends() {
        let now = Utc::now();
        assert_eq!(expiry(now, TimeDelta::zero()), Some(now));
        assert_eq!(expiry(now, TimeDelta::MAX), None);
        assert_eq!(expiry(now, TimeDelta::days(365 * 9000)), None);
    }
}
