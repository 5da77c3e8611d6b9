//! Servers on ports of their own, and targets and limits that fit them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use url::Url;
use workbench_probes::declared::DeclaredProbe;
use workbench_probes::sandbox::{
    self, Fault, MemoryWorld, SANDBOX_SECRET, SANDBOX_USER, SandboxListener, Settings, World as _,
};
use workbench_probes::{AddressPolicy, HealthProbes, Limits, Probe as _, ProbeResult, Target};

/// The tenant in every test.
pub const TENANT: &str = "acme";

/// More than any probe needs that is not meant to run into it.
const PLENTY: Duration = Duration::from_mins(1);

/// Serves until the test's runtime ends; gives host and port.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let authority = listener.local_addr().expect("a bound socket has an address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    authority
}

/// A sandbox whose one tenant is set as wished.
pub async fn sandbox(provider: Option<&str>, members: u64, fault: Option<Fault>) -> (String, Arc<MemoryWorld>) {
    let world = Arc::new(MemoryWorld::new());
    world.set_members(TENANT, members);
    let settings = Settings { payment_provider: provider.map(str::to_owned), fault };
    world.save_settings(TENANT, &settings).await.expect("memory keeps everything");
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let authority = socket.local_addr().expect("a bound socket has an address").to_string();
    let listener = SandboxListener::new(socket).expect("the sandbox can make a certificate");
    let router = sandbox::router(world.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (authority, world)
}

pub fn target(authority: &str) -> Target {
    Target {
        tenant_id: TENANT.to_owned(),
        base_url: Url::parse(&format!("http://{authority}/{TENANT}")).expect("a valid address"),
        user: SANDBOX_USER.to_owned(),
        secret: Some(SANDBOX_SECRET.into()),
    }
}

pub fn allowing(authority: &str) -> Limits {
    Limits { timeout: PLENTY, allow: AddressPolicy::public().allowing(authority) }
}

/// Runs one of the shipped probes.
pub async fn run_shipped(probe: &str, target: &Target, limits: &Limits) -> ProbeResult {
    HealthProbes::default().run(&[probe.to_owned()], target, limits, |_| ()).await.remove(0)
}

/// A probe of one step, given as the YAML below `- name: ask`.
pub fn one_step(head: &str, step: &str) -> DeclaredProbe {
    let step = step.trim().replace('\n', "\n    ");
    DeclaredProbe::load(
        "asking.yaml",
        &format!("name: asking\ntitle: Asking\n{head}\nsteps:\n  - name: ask\n    {step}"),
    )
    .expect("the test declares a sound probe")
}

/// Runs a probe of one step against a server.
pub async fn run_one_step(authority: &str, head: &str, step: &str) -> ProbeResult {
    one_step(head, step).run(&target(authority), &allowing(authority)).await
}
