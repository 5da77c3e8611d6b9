//! Who may do what: roles as sets of capabilities, checked in one place for API and console.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, header};
use chrono::Utc;
use clap::ValueEnum;
use sha2::{Digest, Sha256};
use workbench_engine::log::{Actor, hex};
use workbench_engine::store::Credential;

use super::App;
use super::patience;
use super::problem::Problem;

/// Something that a role may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Read everything but secrets.
    Read,
    /// Open onboardings and edit steps.
    OnboardingWrite,
    /// Upload, confirm and cancel imports.
    Import,
    /// Run health checks.
    HealthRun,
    /// Say go at a gate.
    GateApprove,
    /// Retry and cancel jobs, pause and run schedules, open maintenance windows.
    JobsManage,
    /// Name the secret that probes log in with, and say where a named one is sent.
    SecretsName,
    /// Sign checkpoints of the course, for others.
    CourseSign,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::OnboardingWrite,
        Self::Import,
        Self::HealthRun,
        Self::GateApprove,
        Self::JobsManage,
        Self::SecretsName,
        Self::CourseSign,
    ];

    /// The wire name, which definitions use for a gate's `approval`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "onboarding:read",
            Self::OnboardingWrite => "onboarding:write",
            Self::Import => "onboarding:import",
            Self::HealthRun => "health:run",
            Self::GateApprove => "gate:approve",
            Self::JobsManage => "jobs:manage",
            Self::SecretsName => "secrets:name",
            Self::CourseSign => "course:sign",
        }
    }
}

/// A set of capabilities by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Runs onboardings.
    Csm,
    /// Runs onboardings, and signs for those who learn to.
    Mentor,
    /// Everything but signing, which is a mentor's alone.
    Admin,
    /// Runs health checks, for machines.
    ProbeRunner,
}

impl Role {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Csm => "csm",
            Self::Mentor => "mentor",
            Self::Admin => "admin",
            Self::ProbeRunner => "probe-runner",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Csm, Self::Mentor, Self::Admin, Self::ProbeRunner]
            .into_iter()
            .find(|role| role.as_str() == name)
    }

    /// The table role × capability.
    #[must_use]
    pub fn allows(self, capability: Capability) -> bool {
        use Capability::{GateApprove, HealthRun, Import, OnboardingWrite, Read};
        match self {
            Self::Viewer => matches!(capability, Read),
            Self::ProbeRunner => matches!(capability, Read | HealthRun),
            Self::Csm => matches!(capability, Read | OnboardingWrite | Import | HealthRun | GateApprove),
            Self::Mentor => Self::Csm.allows(capability) || capability == Capability::CourseSign,
            Self::Admin => capability != Capability::CourseSign,
        }
    }
}

/// Whoever sent the request, proven by a bearer token or by a browser session.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name for the audit.
    pub actor: Actor,
    /// The role.
    pub role: Role,
    /// For browser sessions: what a form must carry to prove that it is ours.
    pub csrf: Option<String>,
}

impl Caller {
    /// Refuses unless the role allows it.
    pub fn require(&self, capability: Capability) -> Result<(), Problem> {
        if self.role.allows(capability) { Ok(()) } else { Err(Problem::forbidden(capability.as_str())) }
    }

    /// Wire names of everything the role allows.
    #[must_use]
    pub fn capabilities(&self) -> Vec<String> {
        let allowed = Capability::ALL.into_iter().filter(|capability| self.role.allows(*capability));
        allowed.map(|capability| capability.as_str().to_owned()).collect()
    }

    fn new(holder: &Credential, csrf: Option<String>) -> Result<Self, Problem> {
        let role = Role::of(&holder.role).ok_or_else(Problem::unauthenticated)?;
        Ok(Self { actor: Actor::named(&holder.actor), role, csrf })
    }
}

/// What is stored of a secret, and looked up by.
#[must_use]
pub fn hash_secret(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// A new random secret of 256 bits, hex, led by a prefix that secret scanners can find.
#[must_use]
pub fn new_secret(prefix: &str) -> String {
    format!("{prefix}{}", hex(&rand::random::<[u8; 32]>()))
}

/// The cookie of a browser session.
pub const SESSION_COOKIE: &str = "workbench_session";

/// What a form of a session carries: derived from the session's secret, which no other site knows.
fn csrf_of(session: &str) -> String {
    hash_secret(&format!("csrf:{session}"))
}

/// The session secret among a request's cookies.
pub fn session_of(parts: &Parts) -> Option<&str> {
    let cookies = parts.headers.get(header::COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('='))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let now = Utc::now();
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
            });
            let token = token.ok_or_else(Problem::unauthenticated)?;
            let hash = hash_secret(token);
            let holder = patience::within(async { Ok(app.context.store.token_holder(&hash, now).await?) }).await?;
            return Self::new(&holder.ok_or_else(Problem::unauthenticated)?, None);
        }
        let session = session_of(parts).map(str::to_owned).ok_or_else(Problem::unauthenticated)?;
        // A cookie travels with requests that other sites start. Over the API it may only read; the console's
        // forms prove themselves by the CSRF value.
        if parts.method != Method::GET && parts.uri.path().starts_with("/sys/") {
            return Err(Problem::unauthenticated());
        }
        let hash = hash_secret(&session);
        let holder = patience::within(async { Ok(app.context.store.session_holder(&hash, now).await?) }).await?;
        Self::new(&holder.ok_or_else(Problem::unauthenticated)?, Some(csrf_of(&session)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_roles() {
        let allowed = |role: Role| {
            Capability::ALL
                .into_iter()
                .filter(|capability| role.allows(*capability))
                .map(Capability::as_str)
                .collect::<Vec<_>>()
        };
        assert_eq!(allowed(Role::Viewer), ["onboarding:read"]);
        assert_eq!(allowed(Role::ProbeRunner), ["onboarding:read", "health:run"]);
        assert_eq!(
            allowed(Role::Csm),
            ["onboarding:read", "onboarding:write", "onboarding:import", "health:run", "gate:approve"]
        );
        assert_eq!(
            allowed(Role::Mentor),
            ["onboarding:read", "onboarding:write", "onboarding:import", "health:run", "gate:approve", "course:sign"]
        );
        assert_eq!(allowed(Role::Admin).len(), Capability::ALL.len() - 1);
        assert!(!Role::Admin.allows(Capability::CourseSign));
    }
}
