//! Tenants: who is onboarded.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::row::{Columns, micros};
use super::{Store, StoreError, Tx};
use crate::checklist::{Checklist, Command};
use crate::log::NewEntry;

/// A tenant as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenant {
    /// The slug.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// `federation`, `club`, …; open.
    pub kind: String,
    /// IANA zone.
    pub time_zone: String,
    /// BCP 47 language.
    pub language: String,
    /// Levels of organisation below the federation: 0 is flat.
    pub hierarchy_depth: i64,
    /// Where probes go: an address, or `sandbox` for the sandbox platform of this installation.
    pub platform_url: Option<String>,
    /// Who probes log in as.
    pub probe_user: Option<String>,
    /// Reference to the probes' secret: `env:WORKBENCH_PROBE_…` or `file:NAME`.
    pub probe_secret: Option<String>,
    /// Raised by every change to what health evidence rests on.
    pub generation: i64,
    /// When that last changed.
    pub changed_at: DateTime<Utc>,
    /// First imported member.
    pub first_member_at: Option<DateTime<Utc>>,
    /// First imported transaction.
    pub first_transaction_at: Option<DateTime<Utc>>,
    /// When the tenant went live, if it is.
    pub live_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A tenant to be made. Absent fields take the country's defaults before this point.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTenant {
    /// The slug.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// `federation`, `club`, …; open.
    pub kind: String,
    /// IANA zone.
    pub time_zone: String,
    /// BCP 47 language.
    pub language: String,
    /// Levels of organisation.
    pub hierarchy_depth: i64,
    /// Where probes go.
    pub platform_url: Option<String>,
    /// Who probes log in as.
    pub probe_user: Option<String>,
    /// Reference to the probes' secret.
    pub probe_secret: Option<String>,
}

/// What changes of a tenant; what is absent stays.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(clippy::option_option, reason = "absent, null and a value are three things in RFC 7396")]
pub struct TenantChange {
    /// What people call it.
    pub name: Option<String>,
    /// IANA zone.
    pub time_zone: Option<String>,
    /// BCP 47 language.
    pub language: Option<String>,
    /// Levels of organisation.
    pub hierarchy_depth: Option<i64>,
    /// Where probes go.
    pub platform_url: Option<Option<String>>,
    /// Who probes log in as.
    pub probe_user: Option<Option<String>>,
    /// Reference to the probes' secret.
    pub probe_secret: Option<Option<String>>,
}

impl TenantChange {
    fn apply(&self, tenant: &mut Tenant) {
        fn set<T: Clone>(new: Option<&T>, field: &mut T) {
            if let Some(new) = new {
                new.clone_into(field);
            }
        }
        set(self.name.as_ref(), &mut tenant.name);
        set(self.time_zone.as_ref(), &mut tenant.time_zone);
        set(self.language.as_ref(), &mut tenant.language);
        set(self.hierarchy_depth.as_ref(), &mut tenant.hierarchy_depth);
        set(self.platform_url.as_ref(), &mut tenant.platform_url);
        set(self.probe_user.as_ref(), &mut tenant.probe_user);
        set(self.probe_secret.as_ref(), &mut tenant.probe_secret);
    }
}

pub(super) fn tenant(row: &AnyRow) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        id: row.text("id")?,
        name: row.text("name")?,
        country: row.text("country")?,
        kind: row.text("kind")?,
        time_zone: row.text("time_zone")?,
        language: row.text("language")?,
        hierarchy_depth: row.int("hierarchy_depth")?,
        platform_url: row.maybe_text("platform_url")?,
        probe_user: row.maybe_text("probe_user")?,
        probe_secret: row.maybe_text("probe_secret")?,
        generation: row.int("generation")?,
        changed_at: row.time("changed_at")?,
        first_member_at: row.maybe_time("first_member_at")?,
        first_transaction_at: row.maybe_time("first_transaction_at")?,
        live_at: row.maybe_time("live_at")?,
        created_at: row.time("created_at")?,
    })
}

/// What a tenant is found by. Folded here, because SQLite folds no letter beyond ASCII.
fn search_name(name: &str, id: &str) -> String {
    // A search within one line cannot match across the two.
    format!("{}\n{}", fold(name), fold(id))
}

/// A text without the difference between large and small letters. Letter by letter, so that a part of a text folds
/// to a part of the folded text.
pub(super) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A moment in a tenant's life that is kept once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Milestone {
    FirstMember,
    FirstTransaction,
}

impl Store {
    /// The tenant of this slug.
    pub async fn tenant(&self, id: &str) -> Result<Tenant, StoreError> {
        let row = sqlx::query("select * from tenants where id = $1").bind(id).fetch_optional(&self.pool).await?;
        tenant(&row.ok_or_else(|| StoreError::not_found("tenant", id))?)
    }
}

impl Tx {
    /// The tenant of this slug, if there is one.
    pub async fn tenant(&mut self, id: &str) -> Result<Option<Tenant>, StoreError> {
        let row = self.maybe_row(sqlx::query("select * from tenants where id = $1").bind(id)).await?;
        row.as_ref().map(tenant).transpose()
    }

    /// As [`Tx::tenant`], held until the commit.
    pub(super) async fn lock_tenant(&mut self, id: &str) -> Result<Option<Tenant>, StoreError> {
        let held = format!("select * from tenants where id = $1{}", self.for_no_key_update());
        let row = self.maybe_row(sqlx::query(AssertSqlSafe(held)).bind(id)).await?;
        row.as_ref().map(tenant).transpose()
    }

    /// Makes a tenant.
    pub async fn create_tenant(&mut self, new: &NewTenant) -> Result<(), StoreError> {
        let now = micros(self.now());
        let made = self
            .execute(
                sqlx::query(
                    "insert into tenants (id, name, country, kind, time_zone, language, hierarchy_depth, platform_url,
                                          probe_user, probe_secret, search_name, generation, changed_at, created_at)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $12)
                     on conflict (id) do nothing",
                )
                .bind(&new.id)
                .bind(&new.name)
                .bind(&new.country)
                .bind(&new.kind)
                .bind(&new.time_zone)
                .bind(&new.language)
                .bind(new.hierarchy_depth)
                .bind(&new.platform_url)
                .bind(&new.probe_user)
                .bind(&new.probe_secret)
                .bind(search_name(&new.name, &new.id))
                .bind(now),
            )
            .await?;
        if made == 0 {
            return Err(StoreError::Exists { what: "tenant", id: new.id.clone() });
        }
        self.record(NewEntry::of_tenant(
            "tenant_created",
            &new.id,
            json!({ "name": new.name, "country": new.country, "kind": new.kind, "platform_url": new.platform_url }),
        ));
        Ok(())
    }

    /// Changes a tenant's configuration; evidence from before says nothing of it. Answers the tenant as it is then, and
    /// the names of the fields that changed: none where everything was so already.
    pub async fn change_tenant(
        &mut self,
        id: &str,
        change: &TenantChange,
    ) -> Result<(Tenant, Vec<&'static str>), StoreError> {
        self.lock_checklist(id).await?;
        let lock = format!("select * from tenants where id = $1{}", self.for_update());
        let before = self.maybe_row(sqlx::query(AssertSqlSafe(lock)).bind(id)).await?;
        let before = tenant(&before.ok_or_else(|| StoreError::not_found("tenant", id))?)?;
        let mut after = before.clone();
        change.apply(&mut after);
        let changed: Vec<&'static str> = [
            ("name", before.name != after.name),
            ("time_zone", before.time_zone != after.time_zone),
            ("language", before.language != after.language),
            ("hierarchy_depth", before.hierarchy_depth != after.hierarchy_depth),
            ("platform_url", before.platform_url != after.platform_url),
            ("probe_user", before.probe_user != after.probe_user),
            ("probe_secret", before.probe_secret != after.probe_secret),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect();
        if changed.is_empty() {
            return Ok((before, changed));
        }
        self.execute(
            sqlx::query(
                "update tenants set name = $1, time_zone = $2, language = $3, hierarchy_depth = $4, platform_url = $5,
                        probe_user = $6, probe_secret = $7, search_name = $8
                 where id = $9",
            )
            .bind(&after.name)
            .bind(&after.time_zone)
            .bind(&after.language)
            .bind(after.hierarchy_depth)
            .bind(&after.platform_url)
            .bind(&after.probe_user)
            .bind(&after.probe_secret)
            .bind(search_name(&after.name, id))
            .bind(id),
        )
        .await?;
        self.record(NewEntry::of_tenant(
            "tenant_changed",
            id,
            json!({ "changed": changed, "name": after.name, "platform_url": after.platform_url }),
        ));
        self.touch_tenant(id).await?;
        self.decide_if_onboarding(id, &Command::EvidenceChanged).await?;
        let after = self.tenant(id).await?.ok_or_else(|| StoreError::not_found("tenant", id))?;
        Ok((after, changed))
    }

    /// Notes that what health evidence rests on has changed now.
    pub(super) async fn touch_tenant(&mut self, id: &str) -> Result<(), StoreError> {
        let now = micros(self.now());
        self.execute(
            sqlx::query("update tenants set generation = generation + 1, changed_at = $1 where id = $2")
                .bind(now)
                .bind(id),
        )
        .await?;
        Ok(())
    }

    pub(super) async fn reach_milestone(&mut self, id: &str, milestone: Milestone) -> Result<(), StoreError> {
        let now = micros(self.now());
        let (statement, kind) = match milestone {
            Milestone::FirstMember => (
                "update tenants set first_member_at = $1 where id = $2 and first_member_at is null",
                "first_member_reached",
            ),
            Milestone::FirstTransaction => (
                "update tenants set first_transaction_at = $1 where id = $2 and first_transaction_at is null",
                "first_transaction_reached",
            ),
        };
        if self.execute(sqlx::query(statement).bind(now).bind(id)).await? == 1 {
            self.record(NewEntry::of_tenant(kind, id, serde_json::Value::Null));
        }
        Ok(())
    }

    /// Keeps go-live on the checklist, whose own it is, and on the tenant, as it is now.
    pub(super) async fn set_live(
        &mut self,
        checklist: &Checklist,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        for (statement, id) in [
            ("update checklists set live_at = $1 where id = $2", &checklist.id),
            ("update tenants set live_at = $1 where id = $2", &checklist.tenant_id),
        ] {
            self.execute(sqlx::query(statement).bind(at.map(micros)).bind(id)).await?;
        }
        Ok(())
    }
}
