//! The table of what runs found.

use std::fmt::Write;
use std::time::Duration;

use super::fault::{Done, Fault};
use super::run::Finding;
use super::stage::Pair;

/// What is shown of a long list of complaints.
const SHOWN: usize = 12;

/// The table as Markdown: one line for each pair and fault.
#[must_use]
pub fn table(findings: &[Finding]) -> String {
    let mut text = "| Pair | Fault | Runs | Commands | Repeated | Losses | Duplicates | Other faults | Recovery, median | Recovery, longest |\n\
                    |---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for pair in [Pair::Shared, Pair::Embedded] {
        for fault in Fault::all() {
            let of_line: Vec<&Finding> =
                findings.iter().filter(|one| one.pair == pair && one.fault == *fault).collect();
            if !of_line.is_empty() {
                text.push_str(&line(pair, *fault, &of_line));
            }
        }
    }
    text
}

fn line(pair: Pair, fault: Fault, findings: &[&Finding]) -> String {
    let (pair, fault) = (pair.name(), fault.name());
    let done: Vec<&&Finding> = findings.iter().filter(|one| one.done == Done::Yes).collect();
    if done.is_empty() {
        return format!("| {pair} | `{fault}` | 0 | | | | | | | |\n");
    }
    let sum = |count: fn(&Finding) -> usize| done.iter().map(|one| count(one)).sum::<usize>();
    let mut recoveries: Vec<Duration> = done.iter().filter_map(|one| one.recovery).collect();
    recoveries.sort();
    let seconds = |duration: Option<&Duration>| {
        duration.map_or_else(|| "never".to_owned(), |d| format!("{:.1} s", d.as_secs_f64()))
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "| {pair} | `{fault}` | {} | {} | {} | {} | {} | {} | {} | {} |",
        done.len(),
        sum(|one| one.accepted),
        done.iter().map(|one| one.repeated).sum::<u64>(),
        sum(|one| one.verdict.losses.len()),
        sum(|one| one.verdict.duplicates.len()),
        sum(|one| one.verdict.faults.len()),
        seconds(recoveries.get(recoveries.len().saturating_sub(1) / 2)),
        seconds(recoveries.last()),
    );
    text
}

/// What a run found wrong, in words; none where nothing was.
#[must_use]
pub fn complaint(finding: &Finding) -> Option<String> {
    if finding.verdict.is_clean() {
        return None;
    }
    let mut text =
        format!("{} with the seed {} on the {} pair:\n", finding.fault.name(), finding.seed, finding.pair.name());
    let verdict = &finding.verdict;
    for (name, list) in [("lost", &verdict.losses), ("twice", &verdict.duplicates), ("wrong", &verdict.faults)] {
        for one in list.iter().take(SHOWN) {
            let _ = writeln!(text, "  {name}: {one}");
        }
        if list.len() > SHOWN {
            let _ = writeln!(text, "  {name}: {} in all", list.len());
        }
    }
    Some(text)
}
