//! A small platform for probes to run against where there is no real one: a fresh machine, a training, a test.
//!
//! It is real HTTP with a login, transactions (with or without a payment provider) and a report of the members
//! that were imported, one platform per tenant below `/{tenant}`. What a tenant's platform holds is up to a
//! [`World`]. Its settings can be read and changed **without a login**, faults included, which is what makes it
//! good for training and fit for nothing but a loopback address.

mod listener;
mod platform;
mod problem;
mod settings;
mod world;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::routing::{delete, get, post};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

pub use listener::{SandboxConnection, SandboxListener};
pub use world::{Call, Fault, MemoryWorld, Settings, World, WorldError};

use crate::registry::hexadecimal;
use problem::Problem;

/// Name of the account that probes log in with.
pub const SANDBOX_USER: &str = "probe";

/// Password of that account on every tenant's sandbox. No secret: the sandbox is a toy on a loopback address.
pub const SANDBOX_SECRET: &str = "sandbox";

/// Far more than any request of the sandbox needs.
const LARGEST_BODY: usize = 64 * 1024;

/// The longest id of a tenant that the sandbox answers for.
const LONGEST_TENANT: usize = 128;

/// The sandbox's routes, to be served by themselves; on a [`SandboxListener`] where its faults are to concern certificates
/// too.
pub fn router(world: Arc<dyn World>) -> Router {
    let sandbox = Sandbox { world, key: rand::random(), patching: Arc::new(Mutex::new(())) };
    Router::new()
        .route("/", get(platform::about))
        .route("/{tenant}/login", post(platform::log_in))
        .route("/{tenant}/transactions", post(platform::transact))
        .route("/{tenant}/transactions/{id}", delete(platform::take_back))
        .route("/{tenant}/reports/members", get(platform::report_members))
        .route("/{tenant}/calls", get(platform::list_calls))
        .route("/{tenant}/settings", get(settings::show).patch(settings::change))
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(sandbox)
}

/// What all routes share.
#[derive(Clone)]
struct Sandbox {
    world: Arc<dyn World>,
    /// Drawn at every start, so that a token of an earlier process is worth nothing.
    key: [u8; 32],
    /// Keeps one change of settings from overwriting another that was made at the same time.
    patching: Arc<Mutex<()>>,
}

impl Sandbox {
    /// The token of a tenant. Nothing has to be kept: it can be made again to compare with.
    fn token(&self, tenant: &str) -> String {
        hexadecimal(&Sha256::new().chain_update(self.key).chain_update(tenant).finalize())
    }
}

/// The tenant whose platform is asked.
struct Tenant(String);

impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
        // Some routes have further parameters.
        let tenant = parameters.iter().find(|(name, _)| *name == "tenant").map(|(_, tenant)| tenant.to_owned());
        let tenant = tenant.unwrap_or_default();
        if tenant.trim().is_empty() || tenant.len() > LONGEST_TENANT || tenant.contains(char::is_control) {
            return Err(Problem::bad_request("the first segment of the path is not the id of a tenant"));
        }
        Ok(Self(tenant))
    }
}
