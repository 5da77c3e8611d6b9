//! `workbench-tests soak`: fault after fault, for as long as one likes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use workbench_tests::faults::{Fault, Finding, Pair, Play, report};

/// Tests that are run by hand.
#[derive(Debug, Parser)]
#[command(name = "workbench-tests")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Do faults to real processes while commands arrive, and print the table of what became of them
    Soak(SoakArgs),
}

#[derive(Debug, Args)]
struct SoakArgs {
    /// For how long rounds of faults are begun
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// What draws commands, and the order of faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this fault; may be repeated
    #[arg(long, value_enum)]
    fault: Vec<Fault>,
    /// Only this pair of store and queue
    #[arg(long, value_enum)]
    pair: Option<Pair>,
}

fn main() -> ExitCode {
    let Command::Soak(args) = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime could not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let findings = runtime.block_on(soak(&args));
    println!("{}", report::table(&findings));
    if findings.iter().all(|finding| finding.verdict.is_clean()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Rounds in which each fault comes once, in an order that the seed draws, each round on a stage of its own.
async fn soak(args: &SoakArgs) -> Vec<Finding> {
    let (begun, lasts) = (Instant::now(), Duration::from_secs(args.minutes * 60));
    let pairs = args.pair.map_or_else(|| vec![Pair::Shared, Pair::Embedded], |pair| vec![pair]);
    let wanted = |fault: &Fault| args.fault.is_empty() || args.fault.contains(fault);
    let chosen = |pair: Pair| {
        Fault::all().iter().copied().filter(|fault| wanted(fault) && fault.befalls(pair)).collect::<Vec<_>>()
    };
    let mut round: Vec<(Pair, Vec<Fault>)> = pairs.into_iter().map(|pair| (pair, chosen(pair))).collect();
    round.retain(|(_, faults)| !faults.is_empty());
    let mut findings = Vec::new();
    let mut seed = args.seed;
    while begun.elapsed() < lasts && !round.is_empty() {
        for (pair, faults) in &mut round {
            faults.shuffle(&mut StdRng::seed_from_u64(seed));
            let mut play = Play::start(*pair).await;
            for fault in faults {
                let finding = play.run(*fault, seed).await;
                eprintln!(
                    "{:>6.0} s  {}",
                    begun.elapsed().as_secs_f64(),
                    report::table(std::slice::from_ref(&finding)).lines().last().unwrap_or_default()
                );
                let broken = report::complaint(&finding).inspect(|text| eprintln!("{text}")).is_some();
                findings.push(finding);
                if broken {
                    // What is wrong once would be found again after every fault to come.
                    play = Play::start(*pair).await;
                }
                seed += 1;
            }
        }
    }
    findings
}
