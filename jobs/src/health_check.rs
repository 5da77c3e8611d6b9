//! Runs a tenant's probes and stores what they found.

use chrono::Utc;
use serde_json::json;
use url::Url;
use workbench_engine::job::Job;
use workbench_engine::log::Actor;
use workbench_engine::store::{HealthOutcome, ProbeRow, StoreError, Tenant};
use workbench_probes::sandbox::{Fault, SANDBOX_SECRET, SANDBOX_USER, Settings};
use workbench_probes::{AddressPolicy, HealthProbes, Limits, ProbeResult, ProbeStatus, Secret, Target, aggregate};

use crate::Context;
use crate::attempt::Failure;
use crate::secret::SecretReference;

/// Value of a tenant's `platform_url` that binds it to this installation's sandbox platform.
pub const SANDBOX: &str = "sandbox";
/// Shared setting under which the daemon that runs the sandbox leaves its address.
pub const SANDBOX_URL: &str = "sandbox_url";

/// Runs the job. Probes run anew on every attempt; only the attempt that holds the lease stores its results.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let check_id = job.subject_id.as_deref().unwrap_or_default();
    // Evidence is as old as its oldest part, and that is how the tenant is read here.
    let checked_at = Utc::now();
    let tenant = context.store.tenant(&job.tenant_id).await?;
    let probes = context.probes.load_full();
    // Tenants' generations are of the daemon's probes. What others found proves nothing, and dates from before them.
    let same_probes = context.store.probe_set().await?.is_none_or(|noted| noted == probes.set_hash());
    if !same_probes {
        tracing::warn!("this process' probes are others than the daemon's; its result opens no gate");
    }
    let names = probe_names(context, &probes, &job.tenant_id).await?;
    let results = match target(context, &tenant).await? {
        Ok((target, limits)) => probes.run(&names, &target, &limits, |_| ()).await,
        Err(reason) => names.iter().map(|name| unable(name, &reason)).collect(),
    };
    for result in &results {
        context.metrics.probed(result.status.as_str());
    }
    let verdict = aggregate(results.iter().map(|result| result.status));
    let outcome = HealthOutcome {
        aggregate: verdict.as_str().to_owned(),
        checked_at,
        generation: if same_probes { tenant.generation } else { 0 },
        probes: results.into_iter().map(row).collect(),
    };
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.finish_health_check(job, check_id, &outcome).await?;
    tx.commit().await?;
    Ok(())
}

/// The probes that the tenant's workflow names, or all there are where the tenant has no checklist.
async fn probe_names(context: &Context, probes: &HealthProbes, tenant_id: &str) -> Result<Vec<String>, StoreError> {
    match context.store.workflow_of(tenant_id).await? {
        Some((workflow, version)) => Ok(context.store.definition(&workflow, version).await?.probes.clone()),
        None => Ok(probes.names().into_iter().map(str::to_owned).collect()),
    }
}

/// Where the tenant's probes go and as whom, or why they cannot go anywhere.
async fn target(context: &Context, tenant: &Tenant) -> Result<Result<(Target, Limits), String>, StoreError> {
    let mut allow = AddressPolicy::public();
    for authority in &context.settings.probe_allow {
        allow = allow.allowing(authority);
    }
    let (address, sandbox) = match tenant.platform_url.as_deref() {
        None => return Ok(Err("the tenant has no `platform_url`".to_owned())),
        Some(SANDBOX) => match context.store.setting(SANDBOX_URL).await? {
            Some(url) => {
                let bad_certificate = sandbox_fault(context, &tenant.id).await? == Some(Fault::BadCertificate);
                // The sandbox listens for both on one port, and only with TLS has it a certificate to show.
                let url = if bad_certificate { url.replacen("http:", "https:", 1) } else { url };
                (format!("{}/{}", url.trim_end_matches('/'), tenant.id), true)
            }
            None => return Ok(Err("the tenant is bound to the sandbox platform, but no daemon runs one".to_owned())),
        },
        Some(url) => (url.to_owned(), false),
    };
    let base_url = match Url::parse(&address) {
        Ok(url) => url,
        Err(error) => return Ok(Err(format!("the tenant's `platform_url` is no address: {error}"))),
    };
    let (user, secret) = if sandbox {
        if let (Some(host), Some(port)) = (base_url.host_str(), base_url.port_or_known_default()) {
            allow = allow.allowing(format!("{host}:{port}"));
        }
        (SANDBOX_USER.to_owned(), Some(Secret::from(SANDBOX_SECRET)))
    } else {
        let secret = match tenant.probe_secret.as_deref().map(|reference| secret(context, reference)).transpose() {
            Ok(secret) => secret,
            Err(reason) => return Ok(Err(reason)),
        };
        (tenant.probe_user.clone().unwrap_or_else(|| SANDBOX_USER.to_owned()), secret)
    };
    let limits = Limits { timeout: context.settings.probe_timeout, allow };
    Ok(Ok((Target { tenant_id: tenant.id.clone(), base_url, user, secret }, limits)))
}

/// The secret that a tenant's reference names. It is checked again: what is stored may come from elsewhere than the API.
fn secret(context: &Context, reference: &str) -> Result<Secret, String> {
    let reference = SecretReference::parse(reference)
        .ok_or_else(|| "the tenant's `probe_secret` is no reference that probes may use".to_owned())?;
    reference.resolve(context.settings.probe_secrets.as_deref())
}

/// What is wrong with the tenant's sandbox platform, on purpose.
async fn sandbox_fault(context: &Context, tenant_id: &str) -> Result<Option<Fault>, StoreError> {
    let settings = context.store.sandbox_settings(tenant_id).await?;
    // Settings that cannot be read are the sandbox's to complain of, which it does in every answer.
    Ok(settings.and_then(|text| serde_json::from_str::<Settings>(&text).ok()?.fault))
}

/// A probe that could not even start: the probe is broken, not the platform.
fn unable(name: &str, reason: &str) -> ProbeResult {
    let hint = "Set what is missing on the tenant, then run the health check again.";
    ProbeResult::new(name, ProbeStatus::Error, format!("the probe could not run: {reason}"), hint)
}

fn row(result: ProbeResult) -> ProbeRow {
    ProbeRow {
        status: result.status.as_str().to_owned(),
        trace: json!(result.steps),
        measures: Some(result.measures).filter(|list| !list.is_empty()).map(|list| json!(list)),
        earlier: Some(result.earlier).filter(|list| !list.is_empty()).map(|list| json!(list)),
        probe: result.probe,
        // What the platform answered may be in them, and Postgres stores no NUL.
        message: result.message.replace('\0', "␀"),
        hint: result.hint.replace('\0', "␀"),
        started_at: result.started_at,
        duration_ms: i64::try_from(result.duration_ms).unwrap_or(i64::MAX),
        attempts: i64::from(result.attempts),
    }
}
