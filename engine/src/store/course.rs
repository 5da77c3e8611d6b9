//! Learners of the course in SQL.

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::course::{By, Course, CourseCommand, CourseEvent, EVENTS, Learner, decide};
use crate::log::{Entry, NewEntry};

/// A learner as stored.
#[derive(Debug, Clone)]
pub struct StoredLearner {
    /// Where they stand.
    pub learner: Learner,
    /// Whether the course has left their menu.
    pub autonomous: bool,
}

fn learner(row: &AnyRow) -> Result<StoredLearner, StoreError> {
    Ok(StoredLearner { learner: row.json("state")?, autonomous: row.int("autonomous")? != 0 })
}

impl Store {
    /// Where somebody stands; none who has not begun.
    pub async fn learner(&self, name: &str) -> Result<Option<StoredLearner>, StoreError> {
        let row =
            sqlx::query("select * from course_learners where name = $1").bind(name).fetch_optional(&self.pool).await?;
        row.as_ref().map(learner).transpose()
    }

    /// Whether the course has left somebody's menu.
    pub async fn is_autonomous(&self, name: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("select autonomous from course_learners where name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        row.map_or(Ok(false), |row| Ok(row.int("autonomous")? != 0))
    }

    /// The learners who began last, at most so many.
    pub async fn learners(&self, limit: i64) -> Result<Vec<StoredLearner>, StoreError> {
        let rows = sqlx::query("select * from course_learners order by started_at desc, name limit $1")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(learner).collect()
    }

    /// The latest events of a sandbox, in order: as many as proofs look at.
    pub async fn course_events(&self, tenant_id: &str, after: i64) -> Result<Vec<Entry>, StoreError> {
        let filter = super::EventFilter { after, tenant_id: Some(tenant_id.to_owned()), limit: EVENTS };
        let mut events = self.latest_events(&filter).await?;
        events.reverse();
        Ok(events)
    }
}

impl Tx {
    /// Begins the course for whoever writes.
    pub async fn start_course(&mut self, mentor: Option<String>) -> Result<Learner, StoreError> {
        let (name, now) = (self.actor().id.clone(), self.now());
        let learner = Learner::new(&name, mentor.clone(), now);
        let made = self
            .execute(
                sqlx::query(
                    "insert into course_learners (name, state, autonomous, started_at) values ($1, $2, 0, $3)
                     on conflict (name) do nothing",
                )
                .bind(&name)
                .bind(serde_json::json!(learner).to_string())
                .bind(micros(now)),
            )
            .await?;
        if made == 0 {
            return Err(StoreError::Exists { what: "the course of", id: name });
        }
        self.record_course(&name, &CourseEvent::CourseStarted { mentor });
        Ok(learner)
    }

    /// Carries a command out on a learner's progress, for whoever writes. Answers where they stand then.
    pub async fn course_command(
        &mut self,
        course: &Course,
        name: &str,
        command: &CourseCommand,
        mentor: bool,
    ) -> Result<StoredLearner, StoreError> {
        let lock = format!("select * from course_learners where name = $1{}", self.for_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(name)).await?;
        let mut stored = learner(&row.ok_or_else(|| StoreError::not_found("learner", name))?)?;
        let (by, now) = (self.actor().id.clone(), self.now());
        let events = decide(course, &stored.learner, command, By { name: &by, mentor })?;
        if events.is_empty() {
            return Ok(stored);
        }
        for event in &events {
            stored.learner.apply(event, &by, now);
            self.record_course(name, event);
        }
        stored.autonomous = stored.learner.is_autonomous(course);
        self.execute(
            sqlx::query("update course_learners set state = $1, autonomous = $2 where name = $3")
                .bind(serde_json::json!(stored.learner).to_string())
                .bind(i64::from(stored.autonomous))
                .bind(name),
        )
        .await?;
        Ok(stored)
    }

    /// Events of the course belong to no tenant: their learner stands in the payload.
    fn record_course(&mut self, learner: &str, event: &CourseEvent) {
        let mut whole = serde_json::json!(event);
        let mut payload = whole.get_mut("payload").map(serde_json::Value::take).unwrap_or_default();
        if let serde_json::Value::Object(members) = &mut payload {
            members.insert("learner".to_owned(), learner.into());
        }
        self.record(NewEntry { kind: event.kind().to_owned(), tenant_id: None, checklist_id: None, payload });
    }
}
