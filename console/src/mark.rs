//! States as word, icon and colour together, so that none of the three is needed to understand the other two.

use crate::figure;

/// How a state is shown.
pub(crate) struct Mark {
    /// Class of the colour.
    pub tone: &'static str,
    /// Outline of the icon, in a box of 16 by 16.
    pub icon: &'static str,
    /// The word.
    pub word: String,
}

const RING: &str = "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z";
const CLOCK: &str = "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2.2 1.6";
const TICK: &str = "M3 8.5l3.3 3.3L13 4.8";
const CROSS: &str = "M4 4l8 8M12 4l-8 8";
const BAR: &str = "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM5 8h6";
const ALERT: &str = "M8 2.5L14 13H2zM8 6.6v2.8M8 11v.4";
const LOOP: &str = "M12.8 8A4.8 4.8 0 1 1 11 4.3M11.3 1.8v2.8H8.5";
const SKIP: &str = "M3 4l4 4-4 4M8.5 4l4 4-4 4";
const QUESTION: &str = "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.6M8 12v.4";

/// How the state with this wire name is shown: of a step, a health check, a probe, an import or a job. A state that
/// is not known is shown by its name.
pub(crate) fn mark(state: &str) -> Mark {
    let (tone, icon, word) = match state {
        "pending" => ("idle", RING, "Pending"),
        "queued" => ("idle", RING, "Queued"),
        "in_progress" => ("busy", CLOCK, "In progress"),
        "running" => ("busy", CLOCK, "Running"),
        "parsing" => ("busy", CLOCK, "Reading"),
        "loading" => ("busy", CLOCK, "Storing"),
        "blocked" => ("bad", BAR, "Blocked"),
        "done" => ("good", TICK, "Done"),
        "completed" => ("good", TICK, "Completed"),
        "succeeded" => ("good", TICK, "Succeeded"),
        "pass" => ("good", TICK, "Pass"),
        "warn" | "warning" => ("warn", ALERT, "Warning"),
        "preview" => ("warn", ALERT, "Waits for confirmation"),
        "retrying" => ("warn", LOOP, "Retrying"),
        "at_risk" => ("warn", ALERT, "At risk"),
        "fail" => ("bad", CROSS, "Fail"),
        "failed" => ("bad", CROSS, "Failed"),
        "error" => ("bad", ALERT, "Probe broke"),
        "rejected" => ("bad", CROSS, "Error"),
        "guessed" => ("warn", QUESTION, "Guessed"),
        "proposed" => ("warn", CLOCK, "Waits for a second person"),
        "granted" => ("good", TICK, "In force"),
        "expired" => ("idle", CLOCK, "Expired"),
        "withdrawn" => ("idle", BAR, "Withdrawn"),
        "skipped" => ("idle", SKIP, "Skipped"),
        "cancelled" => ("idle", BAR, "Cancelled"),
        "rolling_back" => ("busy", LOOP, "Rolling back"),
        "rolled_back" => ("idle", LOOP, "Rolled back"),
        other => return Mark { tone: "idle", icon: QUESTION, word: figure::words(other) },
    };
    Mark { tone, icon, word: word.to_owned() }
}
