//! The retrospective as CSV: one line per cohort and duration.

use workbench_engine::retrospective::order_statistics::Durations;
use workbench_engine::retrospective::report::Retrospective;

use super::issue_table::harmless;

const HEADER: [&str; 10] = ["cohort", "duration", "step", "n", "median", "low", "high", "p25", "p75", "p90"];

/// The table, in UTF-8 with a header; `low` and `high` are the 95 % interval of the median, days throughout.
pub fn table(found: &Retrospective) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut lines = vec![HEADER.map(str::to_owned)];
    for cohort in &found.cohorts {
        for (duration, durations) in [
            ("total_days", &cohort.total_days),
            ("time_to_go_live", &cohort.time_to_go_live),
            ("time_to_first_member", &cohort.time_to_first_member),
            ("time_to_first_transaction", &cohort.time_to_first_transaction),
        ] {
            lines.push(line(&cohort.cohort, duration, "", durations));
        }
        for step in &cohort.steps {
            lines.push(line(&cohort.cohort, "step_days", &step.step, &step.days));
            lines.push(line(&cohort.cohort, "step_active_days", &step.step, &step.active_days));
        }
    }
    // Writing into memory does not fail; what cannot be is left out rather than answered with an error.
    for line in lines {
        let _ = table.write_record(line);
    }
    table.into_inner().unwrap_or_default()
}

fn line(cohort: &str, duration: &str, step: &str, durations: &Durations) -> [String; 10] {
    let number = |days: Option<f64>| days.map(|days| format!("{days:.3}")).unwrap_or_default();
    let (low, high) = durations.median_interval.unzip();
    [
        harmless(cohort),
        duration.to_owned(),
        harmless(step),
        durations.n.to_string(),
        number(durations.median),
        number(low),
        number(high),
        number(durations.p25),
        number(durations.p75),
        number(durations.p90),
    ]
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use workbench_engine::retrospective::cohorts::Question;
    use workbench_engine::retrospective::report::retrospective;

    use super::*;

    #[test]
    fn absent_numbers_are_empty() {
        let all = line("2026-Q1", "total_days", "", &Durations::of(vec![38.0, 27.5, 30.0]));
        assert_eq!(all.join(","), "2026-Q1,total_days,,3,30.000,,,,,");
        let nothing = table(&retrospective(&[], &Question::default(), DateTime::UNIX_EPOCH));
        assert_eq!(String::from_utf8_lossy(&nothing).trim(), HEADER.join(","));
    }
}
