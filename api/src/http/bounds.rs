//! How much a request's fields may hold. The same numbers stand in the description of the API.

use chrono::{DateTime, Datelike, Utc};

use super::problem::Problem;
use super::wire::OpenOnboarding;

/// Longest name of a person, tenant or the like, in characters.
pub const NAME: usize = 200;
/// Longest reason, in characters.
pub const REASON: usize = 2_000;
/// Longest note, in characters.
pub const NOTE: usize = 20_000;

/// Refuses texts that are longer than allowed.
pub fn refuse_long(fields: &[(&str, Option<&str>, usize)]) -> Result<(), Problem> {
    for (field, text, most) in fields {
        if text.is_some_and(|text| text.chars().count() > *most) {
            return Err(Problem::invalid("too_long", format!("`{field}` is longer than {most} characters")));
        }
    }
    Ok(())
}

/// Refuses a tenant described at too great length.
pub fn refuse_long_tenant(tenant: &OpenOnboarding) -> Result<(), Problem> {
    refuse_long(&[
        ("name", tenant.name.as_deref(), NAME),
        ("kind", tenant.kind.as_deref(), NAME),
        ("language", tenant.language.as_deref(), NAME),
        ("probe_user", tenant.probe_user.as_deref(), NAME),
        ("platform_url", tenant.platform_url.as_deref(), REASON),
    ])
}

/// Refuses a time that RFC 3339 cannot write: its years have four digits.
pub fn refuse_far(field: &str, at: Option<DateTime<Utc>>) -> Result<(), Problem> {
    match at {
        Some(at) if !(1..=9999).contains(&at.year()) => {
            Err(Problem::invalid("time_out_of_range", format!("`{field}` is outside of the years 0001 to 9999"))
                .hint("Use an RFC 3339 time such as 2026-12-31T12:00:00Z."))
        }
        _ => Ok(()),
    }
}
