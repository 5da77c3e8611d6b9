//! The outbox: what there is to tell, and its way through each channel.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::any::AnyRow;
use ulid::Ulid;

use super::row::{Columns, micros};
use super::{NewJob, Store, StoreError, Tx};
use crate::definition::Retry;
use crate::incident::News;
use crate::job::{Job, JobCommand, JobKind, JobState};

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// A tenant's health fails.
    Failed,
    /// It no longer does.
    Recovered,
}

impl NotificationKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Failed, Self::Recovered];

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "tenant.health.failed",
            Self::Recovered => "tenant.health.recovered",
        }
    }
}

impl fmt::Display for NotificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NotificationKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no kind of notification"))
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// `ntf_` and a ULID.
    pub id: String,
    /// What happened.
    pub kind: NotificationKind,
    /// What is told of it.
    pub news: News,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// A channel that a notification goes through.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// The channel's id.
    pub channel: String,
    /// How its attempts are spaced.
    pub retry: Retry,
}

/// A notification on its way through a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `dlv_` and a ULID; the same in every attempt.
    pub id: String,
    /// What is told.
    pub notification_id: String,
    /// What kind it is of.
    pub kind: NotificationKind,
    /// Through which channel.
    pub channel: String,
    /// The job that takes it there.
    pub job_id: String,
    /// Where that job stands.
    pub state: JobState,
    /// What its latest failed attempt said.
    pub last_error: Option<String>,
    /// When the receiver accepted it.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was announced.
    pub created_at: DateTime<Utc>,
}

fn delivery(row: &AnyRow) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.text("id")?,
        notification_id: row.text("notification_id")?,
        kind: row.parsed("kind")?,
        channel: row.text("channel")?,
        job_id: row.text("job_id")?,
        state: row.parsed("state")?,
        last_error: row.maybe_text("last_error")?,
        delivered_at: row.maybe_time("delivered_at")?,
        created_at: row.time("created_at")?,
    })
}

impl Store {
    /// One notification.
    pub async fn notification(&self, id: &str) -> Result<Notification, StoreError> {
        let row = sqlx::query("select * from notifications where id = $1").bind(id).fetch_optional(&self.pool).await?;
        let row = row.ok_or_else(|| StoreError::not_found("notification", id))?;
        Ok(Notification {
            id: row.text("id")?,
            kind: row.parsed("kind")?,
            news: row.json("payload")?,
            created_at: row.time("created_at")?,
        })
    }

    /// One delivery.
    pub async fn delivery(&self, id: &str) -> Result<Delivery, StoreError> {
        let row = sqlx::query(
            "select d.*, n.kind, j.state, j.last_error
             from deliveries d join notifications n on n.id = d.notification_id join jobs j on j.id = d.job_id
             where d.id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        delivery(&row.ok_or_else(|| StoreError::not_found("delivery", id))?)
    }

    /// The deliveries of an incident's notifications, oldest first, then by channel.
    pub async fn deliveries(&self, incident_id: &str) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "select d.*, n.kind, j.state, j.last_error
             from deliveries d join notifications n on n.id = d.notification_id join jobs j on j.id = d.job_id
             where n.incident_id = $1 order by n.created_at, n.id, d.channel",
        )
        .bind(incident_id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(delivery).collect()
    }
}

impl Tx {
    /// Writes what is to be told, and the job that finds out whom.
    pub(super) async fn notify(&mut self, kind: NotificationKind, news: &News) -> Result<(), StoreError> {
        let id = format!("ntf_{}", Ulid::from_datetime(self.now().into()));
        let now = micros(self.now());
        self.execute(
            sqlx::query(
                "insert into notifications (id, incident_id, tenant_id, kind, payload, created_at)
                 values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&id)
            .bind(&news.incident)
            .bind(&news.tenant.id)
            .bind(kind.as_str())
            .bind(json!(news).to_string())
            .bind(now),
        )
        .await?;
        let mut job = NewJob::new(JobKind::Announce, &news.tenant.id, Retry::default());
        job.subject_id = Some(id);
        self.create_job(&job).await?;
        Ok(())
    }

    /// Ends an announcement: one delivery for each recipient, each with its job.
    pub async fn announce(&mut self, job: &Job, recipients: &[Recipient]) -> Result<(), StoreError> {
        self.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
        let now = micros(self.now());
        for Recipient { channel, retry } in recipients {
            let id = format!("dlv_{}", Ulid::from_datetime(self.now().into()));
            let mut delivery = NewJob::new(JobKind::Deliver, &job.tenant_id, retry.clone());
            delivery.subject_id = Some(id.clone());
            let delivery = self.create_job(&delivery).await?;
            self.execute(
                sqlx::query(
                    "insert into deliveries (id, notification_id, channel, job_id, created_at)
                     values ($1, $2, $3, $4, $5)",
                )
                .bind(&id)
                .bind(&job.subject_id)
                .bind(channel)
                .bind(delivery)
                .bind(now),
            )
            .await?;
        }
        Ok(())
    }

    /// Ends a delivery that the receiver accepted.
    pub async fn finish_delivery(&mut self, job: &Job, id: &str) -> Result<(), StoreError> {
        self.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
        let now = micros(self.now());
        let update = sqlx::query("update deliveries set delivered_at = $1 where id = $2 and delivered_at is null");
        self.execute(update.bind(now).bind(id)).await?;
        Ok(())
    }
}
