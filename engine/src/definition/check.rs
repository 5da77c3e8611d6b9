//! Every fault of a definition, found on the tree before it becomes a [`super::Definition`].

use std::collections::BTreeMap;

use chrono_tz::{TZ_VARIANTS, Tz};
use workbench_positions::{Faults, Member, Node, Place, Shape, Value, allowed, did_you_mean, nearest, needed};

use super::condition::{Unfit, examine};
use super::cycles::cycles;
use super::duration;
use super::load::Known;
use super::schedule::TENANT_ZONE;
use crate::schedule::{Calendar, CalendarError};

/// Durations as workflows write them.
const DURATION: Shape =
    Shape::Duration { accepts: |text| duration::parse(text).is_ok(), such_as: "30s, 5m, 2h, 7d, 1w or 1h30m" };

const KINDS: &[&str] = &["manual", "job", "gate", "timer"];
const JOBS: &[&str] = &["import", "health_check", "command"];

const WORKFLOW: &[Member] = &[
    needed("name", Shape::Text),
    needed("version", Shape::Whole { from: 1, to: 1_000_000 }),
    needed("title", Shape::Text),
    allowed("target_days", Shape::Whole { from: 1, to: 3650 }),
    allowed("live_step", Shape::Text),
    needed("steps", Shape::List),
    allowed("probes", Shape::TextList),
    allowed("schedules", Shape::List),
];

const STEP: &[Member] = &[
    needed("id", Shape::Text),
    needed("title", Shape::Text),
    allowed("kind", Shape::OneOf(KINDS)),
    allowed("needs", Shape::TextList),
    allowed("assignee", Shape::Text),
    allowed("due", Shape::Inner),
    allowed("job", Shape::Inner),
    allowed("gate", Shape::Inner),
    allowed("after", DURATION),
    allowed("retry", Shape::Inner),
];

const JOB: &[Member] = &[
    needed("name", Shape::OneOf(JOBS)),
    allowed("start", Shape::OneOf(&["when_enabled", "on_request"])),
    allowed("run", Shape::TextList),
    allowed("timeout", DURATION),
];

const GATE: &[Member] = &[needed("conditions", Shape::List), allowed("approval", Shape::Text)];

const CONDITION: &[Member] =
    &[needed("id", Shape::Text), needed("when", Shape::Text), needed("otherwise", Shape::Text)];

const DUE: &[Member] = &[needed("within", DURATION), allowed("of", Shape::Text)];

const SCHEDULE: &[Member] = &[
    needed("id", Shape::Text),
    needed("job", Shape::OneOf(&["health_check"])),
    needed("cron", Shape::Text),
    allowed("zone", Shape::Text),
    allowed("catch_up", Shape::Inner),
    allowed("overlap", Shape::OneOf(&["skip", "allow"])),
    allowed("jitter", DURATION),
];

const CATCH_UP: &[Member] = &[
    allowed("policy", Shape::OneOf(&["skip", "once", "all"])),
    allowed("window", DURATION),
    allowed("cap", Shape::Whole { from: 1, to: 1000 }),
];

const RETRY: &[Member] = &[
    allowed("max_attempts", Shape::Whole { from: 1, to: 100 }),
    allowed("initial", DURATION),
    allowed("factor", Shape::Number { from: 1.0, to: 100.0 }),
    allowed("max", DURATION),
    allowed("jitter", Shape::Number { from: 0.0, to: 1.0 }),
];

/// All faults, in no particular order.
pub fn check(root: &Node, known: &Known) -> Faults {
    let mut check = Check { found: Faults::default() };
    if check.mapping(root, "a workflow", WORKFLOW) {
        check.workflow(root, known);
    }
    check.found
}

/// Whether a text names a file of a folder and nothing beside or below it.
#[must_use]
pub fn is_program(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

struct Check {
    found: Faults,
}

impl Check {
    fn fault(&mut self, at: Place, code: &'static str, cause: String, suggestion: String) {
        self.found.add(at, code, cause, suggestion);
    }

    fn mapping(&mut self, node: &Node, what: &str, members: &[Member]) -> bool {
        self.found.mapping(node, what, members)
    }

    fn workflow(&mut self, root: &Node, known: &Known) {
        self.slug(root.get("name"), "name", '-');
        self.schedules(root);
        let Some(steps) = root.get("steps") else { return };
        let Value::List(items) = &steps.value else { return };
        if items.is_empty() {
            self.fault(
                steps.at,
                "no_steps",
                "a workflow needs at least one step".to_owned(),
                "Write `steps:` with a list of steps, each with `id` and `title`.".to_owned(),
            );
            return;
        }
        let ids: Vec<&str> = steps.items().iter().filter_map(|step| step.get("id")?.text()).collect();
        let mut seen: Vec<&str> = Vec::new();
        for step in steps.items() {
            if !self.mapping(step, "a step", STEP) {
                continue;
            }
            self.slug(step.get("id"), "id", '_');
            if let Some((node, id)) = step.get("id").and_then(|node| Some((node, node.text()?))) {
                if seen.contains(&id) {
                    let suggestion = format!("Give one of the two another id, such as `{id}_2`.");
                    self.fault(node.at, "duplicate_id", format!("there are two steps `{id}`"), suggestion);
                }
                seen.push(id);
            }
            self.step(step, &ids);
        }
        let approvals: Vec<&str> = known.approvals.iter().map(String::as_str).collect();
        for approval in items.iter().filter_map(|step| step.get("gate")?.get("approval")) {
            if let Some(name) = approval.text().filter(|name| !approvals.is_empty() && !approvals.contains(name)) {
                let cause = format!("there is no capability `{name}`, so nobody could pass this gate");
                self.fault(approval.at, "unknown_approval", cause, did_you_mean(name, &approvals));
            }
        }
        for step in items {
            let (id, of) = (step.get("id").and_then(Node::text), step.get("due").and_then(|due| due.get("of")));
            if let (Some(id), Some(of)) = (id, of)
                && of.text() == Some(id)
            {
                let suggestion = "Count from another step, or leave `of` out to count from the opening.".to_owned();
                self.fault(of.at, "due_of_itself", format!("`{id}` would be due after it is done"), suggestion);
            }
        }
        self.cycles(steps);
        self.reference(root.get("live_step"), "live_step", &ids);
        for probe in root.get("probes").map(Node::items).unwrap_or_default() {
            let names: Vec<&str> = known.probes.iter().map(String::as_str).collect();
            if let Some(name) = probe.text().filter(|name| !names.is_empty() && !names.contains(name)) {
                self.fault(
                    probe.at,
                    "unknown_probe",
                    format!("there is no probe `{name}`"),
                    did_you_mean(name, &names),
                );
            }
        }
    }

    fn step(&mut self, step: &Node, ids: &[&str]) {
        for need in step.get("needs").map(Node::items).unwrap_or_default() {
            self.reference(Some(need), "needs", ids);
        }
        if let Some(due) = step.get("due")
            && self.mapping(due, "`due`", DUE)
        {
            self.reference(due.get("of"), "of", ids);
        }
        if let Some(job) = step.get("job") {
            self.mapping(job, "`job`", JOB);
            self.command(job);
            let imports = step.get("kind").and_then(Node::text) == Some("job")
                && job.get("name").and_then(Node::text) == Some("import");
            if imports && job.get("start").and_then(Node::text) != Some("on_request") {
                self.fault(
                    job.at,
                    "import_without_file",
                    "an import cannot start by itself: it needs a file".to_owned(),
                    "Write `job: { name: import, start: on_request }`.".to_owned(),
                );
            }
        }
        if let Some(retry) = step.get("retry") {
            self.mapping(retry, "`retry`", RETRY);
        }
        if let Some(gate) = step.get("gate")
            && self.mapping(gate, "`gate`", GATE)
        {
            self.gate(gate, ids);
        }
        let kind = step.get("kind").and_then(Node::text).unwrap_or("manual");
        for (key, of_kind) in [("job", "job"), ("gate", "gate"), ("after", "timer")] {
            match step.get(key) {
                None if kind == of_kind => self.fault(
                    step.at,
                    "missing_key",
                    format!("a step of kind `{kind}` needs `{key}`"),
                    format!("Add `{key}: …`, or use another `kind`."),
                ),
                Some(node) if kind != of_kind && KINDS.contains(&kind) => self.fault(
                    node.at,
                    "kind_mismatch",
                    format!("`{key}` has no meaning for a step of kind `{kind}`"),
                    format!("Write `kind: {of_kind}`, or leave `{key}` out."),
                ),
                _ => {}
            }
        }
    }

    /// A program is named, by its name alone, exactly where the job is one.
    fn command(&mut self, job: &Node) {
        let name = job.get("name").and_then(Node::text).unwrap_or_default();
        let is_command = name == "command";
        for key in ["run", "timeout"] {
            if let Some(node) = job.get(key).filter(|_| !is_command && JOBS.contains(&name)) {
                let cause = format!("`{key}` has no meaning for a job `{name}`");
                self.fault(node.at, "kind_mismatch", cause, format!("Write `name: command`, or leave `{key}` out."));
            }
        }
        if !is_command {
            return;
        }
        if let Some(start) = job.get("start").filter(|start| start.text() == Some("on_request")) {
            let suggestion = "Leave `start` out: the program runs as soon as the step's needs are closed.".to_owned();
            self.fault(start.at, "nobody_asks", "a program cannot wait to be asked for".to_owned(), suggestion);
        }
        let example = "Write `run: [create-account, --plan, basic]`: a program of the folder given with `--commands`.";
        match job.get("run") {
            None => self.fault(job.at, "missing_key", "a job `command` needs `run`".to_owned(), example.to_owned()),
            Some(run) => match run.items().first() {
                Some(program) if program.text().is_some_and(is_program) => {}
                Some(program) => {
                    let cause = "the first of `run` must be the name of a program, without a folder".to_owned();
                    self.fault(program.at, "bad_program", cause, example.to_owned());
                }
                None if matches!(run.value, Value::List(_)) => {
                    self.fault(run.at, "empty_text", "`run` is empty".to_owned(), example.to_owned());
                }
                None => {}
            },
        }
    }

    fn gate(&mut self, gate: &Node, ids: &[&str]) {
        let mut seen: Vec<&str> = Vec::new();
        for condition in gate.get("conditions").map(Node::items).unwrap_or_default() {
            if !self.mapping(condition, "a condition", CONDITION) {
                continue;
            }
            self.slug(condition.get("id"), "id", '_');
            if let Some((node, id)) = condition.get("id").and_then(|node| Some((node, node.text()?))) {
                if seen.contains(&id) {
                    let suggestion = "Give one of the two another id.".to_owned();
                    self.fault(node.at, "duplicate_id", format!("the gate has two conditions `{id}`"), suggestion);
                }
                seen.push(id);
            }
            let Some((node, expression)) = condition.get("when").and_then(|node| Some((node, node.text()?))) else {
                continue;
            };
            // An empty text is a fault of its own.
            if !expression.trim().is_empty() {
                for unfit in examine(expression, ids) {
                    self.unfit(node.at, &unfit);
                }
            }
        }
    }

    fn unfit(&mut self, at: Place, unfit: &Unfit) {
        let (code, cause, suggestion) = match unfit {
            Unfit::Syntax(error) => (
                "condition_syntax",
                format!("the condition is no CEL: {}", error.lines().next().unwrap_or_default().trim()),
                "Write CEL, for example `health.status == \"pass\"`.".to_owned(),
            ),
            Unfit::TooLarge => (
                "condition_too_large",
                "the condition is too long or nested too deeply".to_owned(),
                "Make several conditions of it: all conditions of a gate must hold.".to_owned(),
            ),
            Unfit::Unknown { name, known } => {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let last = name.rsplit('.').next().unwrap_or_default();
                let cause = format!("the condition names `{name}`, which does not exist");
                ("condition_unknown", cause, did_you_mean(last, &names))
            }
            Unfit::UnknownFunction(name) => (
                "condition_unknown",
                format!("the condition calls `{name}`, which does not exist"),
                "Use a function of CEL, such as size, startsWith, timestamp or duration.".to_owned(),
            ),
            Unfit::NotBoolean(why) => (
                "condition_not_boolean",
                format!("the condition must give true or false: {why}"),
                "Compare the value with something, for example `imports.completed >= 1`.".to_owned(),
            ),
        };
        self.fault(at, code, cause, suggestion);
    }

    /// A name that others refer to: lower-case letters and digits, joined by `joint`.
    fn slug(&mut self, node: Option<&Node>, key: &str, joint: char) {
        let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else { return };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == joint;
        let sound = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits);
        // An empty text is a fault of its own.
        if !text.is_empty() && !sound {
            let repaired: String = text
                .to_lowercase()
                .chars()
                .map(|c| if fits(c) { c } else { joint })
                .skip_while(|c| !c.is_ascii_lowercase())
                .collect();
            let suggestion = if repaired.is_empty() {
                format!("Write `{key}: name`.")
            } else {
                format!("Write `{key}: {repaired}`.")
            };
            self.fault(
                node.at,
                "bad_name",
                format!("`{text}` cannot be a name: lower-case letters, digits and `{joint}` only, a letter first"),
                suggestion,
            );
        }
    }

    fn reference(&mut self, node: Option<&Node>, key: &str, ids: &[&str]) {
        let Some((node, id)) = node.and_then(|node| Some((node, node.text()?))) else { return };
        if !ids.contains(&id) {
            let cause = format!("`{key}` names the step `{id}`, which does not exist");
            self.fault(node.at, "unknown_step", cause, did_you_mean(id, ids));
        }
    }

    fn schedules(&mut self, root: &Node) {
        let mut seen: Vec<&str> = Vec::new();
        for schedule in root.get("schedules").map(Node::items).unwrap_or_default() {
            if !self.mapping(schedule, "a schedule", SCHEDULE) {
                continue;
            }
            self.slug(schedule.get("id"), "id", '_');
            if let Some((node, id)) = schedule.get("id").and_then(|node| Some((node, node.text()?))) {
                if seen.contains(&id) {
                    let suggestion = format!("Give one of the two another id, such as `{id}_2`.");
                    self.fault(node.at, "duplicate_id", format!("there are two schedules `{id}`"), suggestion);
                }
                seen.push(id);
            }
            if let Some(catch_up) = schedule.get("catch_up") {
                self.mapping(catch_up, "`catch_up`", CATCH_UP);
            }
            if let Some((node, text)) = schedule.get("cron").and_then(|node| Some((node, node.text()?)))
                && !text.trim().is_empty()
                && let Err(error) = text.parse::<Calendar>()
            {
                let suggestion = match &error {
                    CalendarError::Fields(6 | 7) => "Leave seconds and years out: `30 2 * * *` is 02:30 every day.",
                    CalendarError::TwoKindsOfDays => "Write `*` for one of the two, or make two schedules of it.",
                    CalendarError::Never(_) => "Use a day that the month has.",
                    CalendarError::Fields(_) | CalendarError::Unreadable(_) => {
                        "Write minute, hour, day of month, month and day of week: `30 2 * * *` is 02:30 every day."
                    }
                };
                self.fault(node.at, "bad_cron", error.to_string(), suggestion.to_owned());
            }
            if let Some((node, zone)) = schedule.get("zone").and_then(|node| Some((node, node.text()?)))
                && !zone.trim().is_empty()
                && zone != TENANT_ZONE
                && zone.parse::<Tz>().is_err()
            {
                let known: Vec<&str> = TZ_VARIANTS.iter().map(|known| known.name()).chain([TENANT_ZONE]).collect();
                let suggestion = match nearest(zone, &known) {
                    Some(nearest) => format!("Did you mean `{nearest}`?"),
                    None => "Write an IANA time zone such as Europe/Stockholm, or `tenant`.".to_owned(),
                };
                self.fault(node.at, "bad_time_zone", format!("there is no time zone `{zone}`"), suggestion);
            }
        }
    }

    fn cycles(&mut self, steps: &Node) {
        let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut places: BTreeMap<&str, Place> = BTreeMap::new();
        for step in steps.items() {
            let Some(id) = step.get("id").and_then(Node::text) else { continue };
            let list = step.get("needs");
            needs.insert(id, list.map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect());
            places.insert(id, list.map_or(step.at, |list| list.at));
        }
        for path in cycles(&needs) {
            let Some(at) = path.first().and_then(|first| places.get(first)) else { continue };
            self.fault(
                *at,
                "cycle",
                format!("these steps need each other: {}", path.join(" → ")),
                "Take one of them out of the other's `needs`: none of them could ever be done.".to_owned(),
            );
        }
    }
}
