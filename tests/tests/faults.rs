//! Each fault once, with little traffic, on real processes. `workbench-tests soak` does the same for as long as one likes.

use workbench_tests::faults::{Fault, Pair, Play, report};

const SEED: u64 = 1;

async fn every_fault(pair: Pair) {
    let mut play = Play::start(pair).await;
    let mut findings = Vec::new();
    for fault in Fault::all().iter().filter(|fault| fault.befalls(pair)) {
        let finding = play.run(*fault, SEED).await;
        if let Some(complaint) = report::complaint(&finding) {
            panic!("{complaint}");
        }
        findings.push(finding);
    }
    println!("{}", report::table(&findings));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_embedded() {
    every_fault(Pair::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_on_postgres_and_redis() {
    every_fault(Pair::Shared).await;
}
