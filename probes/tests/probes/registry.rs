//! Running several probes, some of them badly written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use workbench_probes::{Concurrency, HealthProbes, Limits, Probe, ProbeResult, ProbeStatus, Target};

use crate::serving::target;

type Behaviour = Arc<dyn Fn() -> futures::future::BoxFuture<'static, ()> + Send + Sync>;

/// A probe in Rust that does as told and passes.
struct Told {
    name: String,
    behaviour: Behaviour,
}

#[async_trait]
impl Probe for Told {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, _: &Target, _: &Limits) -> ProbeResult {
        (self.behaviour)().await;
        ProbeResult { attempts: 1, ..ProbeResult::new(&self.name, ProbeStatus::Pass, "done", "") }
    }
}

fn told<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    behaviour: impl Fn() -> F + Send + Sync + 'static,
) -> Arc<dyn Probe> {
    Arc::new(Told { name: name.to_owned(), behaviour: Arc::new(move || Box::pin(behaviour())) })
}

fn registry(probes: Vec<Arc<dyn Probe>>) -> HealthProbes {
    let mut registry = HealthProbes::default();
    registry.set_health_probes(probes);
    registry
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn nowhere() -> Target {
    target("127.0.0.1:1")
}

#[test]
fn three_probes_are_shipped_in_order() {
    assert_eq!(HealthProbes::default().names(), ["sample_login", "sample_transaction", "sample_member_report"]);
}

#[test]
fn of_two_probes_with_one_name_the_later_counts() {
    let probes = registry(vec![told("a", || async {}), told("b", || async {}), told("a", || async {})]);
    assert_eq!(probes.names(), ["a", "b"]);
}

#[test]
fn the_hash_of_a_set_tells_sets_apart() {
    let shipped = HealthProbes::default().set_hash();
    assert_eq!(shipped, HealthProbes::default().set_hash());
    assert_eq!(shipped.len(), 64);
    let (ab, a_b) =
        (registry(vec![told("ab", || async {})]), registry(vec![told("a", || async {}), told("b", || async {})]));
    assert!(ab.set_hash() != a_b.set_hash() && ab.set_hash() != shipped);
}

#[tokio::test]
async fn one_bad_probe_does_not_cost_the_others_their_verdict() {
    let probes = registry(vec![
        told("hanging", std::future::pending),
        told("crashing", || async { panic!("the password is hunter2") }),
        told("sound", || async {}),
    ]);
    let limits = Limits { timeout: Duration::from_millis(20), ..Limits::default() };
    let mut heard = Vec::new();
    let asked = names(&["hanging", "missing", "crashing", "sound"]);
    let results = probes.run(&asked, &nowhere(), &limits, |result| heard.push(result.probe.clone())).await;

    let verdicts: Vec<_> = results.iter().map(|result| (result.probe.as_str(), result.status)).collect();
    assert_eq!(
        verdicts,
        [
            ("hanging", ProbeStatus::Fail),
            ("missing", ProbeStatus::Error),
            ("crashing", ProbeStatus::Error),
            ("sound", ProbeStatus::Pass),
        ]
    );
    assert_eq!(results[0].message, "the probe did not finish within 20ms");
    assert_eq!(results[1].message, "unknown probe `missing`");
    assert_eq!(results[1].hint, "Registered probes: hanging, crashing, sound.");
    assert_eq!(results[2].message, "the probe itself crashed");
    assert_eq!(heard.last().map(String::as_str), Some("hanging"), "each is heard of as soon as it is known");
    assert_eq!(heard.len(), 4);
}

#[tokio::test]
async fn at_most_four_probes_run_at_once() {
    let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let probes: Vec<_> = (0..9)
        .map(|number| {
            let (running, peak) = (running.clone(), peak.clone());
            told(&format!("probe_{number}"), move || {
                let (running, peak) = (running.clone(), peak.clone());
                async move {
                    peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let probes = registry(probes);
    let asked: Vec<String> = probes.names().into_iter().map(str::to_owned).collect();
    // On a task of its own, which also shows that a run can be sent between threads.
    let results = tokio::spawn(async move { probes.run(&asked, &nowhere(), &Limits::default(), |_| ()).await }).await;
    assert_eq!(results.expect("the run does not panic").len(), 9);
    assert_eq!(peak.load(Ordering::SeqCst), 4);
}

/// A probe that says when it has begun and runs until it is told to end.
fn held() -> (Arc<dyn Probe>, Arc<Semaphore>, Arc<Semaphore>) {
    let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begins, goes) = (begun.clone(), go.clone());
    let probe = told("held", move || {
        let (begins, goes) = (begins.clone(), goes.clone());
        async move {
            begins.add_permits(1);
            goes.acquire().await.expect("the test keeps it open").forget();
        }
    });
    (probe, begun, go)
}

#[tokio::test]
async fn runs_share_their_turns_by_host() {
    let (probe, begun, go) = held();
    let mut probes = registry(vec![probe]);
    probes.set_concurrency(Concurrency { overall: 3, per_host: 2 });
    let run = |authority: &'static str| {
        let probes = probes.clone();
        tokio::spawn(async move { probes.run(&names(&["held"]), &target(authority), &Limits::default(), |_| ()).await })
    };
    let mut runs = vec![run("a.example:1"), run("A.example:2"), run("a.example:3")];
    begun.acquire_many(2).await.expect("two begin").forget();
    // The third of the host waits, and keeps nobody of another host waiting.
    runs.push(run("b.example"));
    begun.acquire().await.expect("the other host's begins").forget();
    assert_eq!(begun.available_permits(), 0);
    // Now all three turns are taken.
    runs.push(run("c.example"));
    tokio::task::yield_now().await;
    assert_eq!(begun.available_permits(), 0);
    go.add_permits(5);
    for run in runs {
        assert_eq!(run.await.expect("no run panics")[0].status, ProbeStatus::Pass);
    }
    assert_eq!(begun.available_permits(), 2);
}

#[tokio::test]
async fn waiting_for_a_turn_is_not_counted_to_a_probes_time() {
    let (probe, begun, go) = held();
    let mut probes = registry(vec![probe]);
    probes.set_concurrency(Concurrency { overall: 1, per_host: 1 });
    let first = tokio::spawn({
        let probes = probes.clone();
        async move { probes.run(&names(&["held"]), &nowhere(), &Limits::default(), |_| ()).await }
    });
    begun.acquire().await.expect("the first begins").forget();
    let limits = Limits { timeout: Duration::from_millis(1), ..Limits::default() };
    let (asked, place) = (names(&["held"]), nowhere());
    let mut second = Box::pin(probes.run(&asked, &place, &limits, |_| ()));
    // Longer than the probe has, its grace included.
    assert!(tokio::time::timeout(Duration::from_millis(700), &mut second).await.is_err(), "it waits");
    go.add_permits(2);
    assert_eq!(second.await[0].status, ProbeStatus::Pass);
    assert_eq!(first.await.expect("it does not panic")[0].status, ProbeStatus::Pass);
}
