//! Every fault of a definition, found on the tree before it becomes a [`super::Definition`].

use std::collections::BTreeMap;

use chrono_tz::{TZ_VARIANTS, Tz};

use super::condition::{Unfit, examine};
use super::duration;
use super::graph::cycles;
use super::load::Known;
use super::schedule::TENANT_ZONE;
use super::tree::{Node, Place, Value};
use crate::schedule::{Calendar, CalendarError};

/// A fault and where it is; the file is added by the loader.
pub struct Found {
    pub at: Place,
    pub code: &'static str,
    pub cause: String,
    pub suggestion: String,
}

/// What a member of a mapping must be.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Whole {
        from: i64,
        to: i64,
    },
    Number {
        from: f64,
        to: f64,
    },
    Duration,
    OneOf(&'static [&'static str]),
    TextList,
    /// A list whose elements are checked where they are used.
    List,
    /// Checked where it is used.
    Inner,
}

/// A member that a mapping may have.
struct Member {
    name: &'static str,
    required: bool,
    shape: Shape,
}

const fn needed(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

const fn allowed(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

const KINDS: &[&str] = &["manual", "job", "gate", "timer"];
const JOBS: &[&str] = &["import", "health_check"];

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
    allowed("after", Shape::Duration),
    allowed("retry", Shape::Inner),
];

const JOB: &[Member] =
    &[needed("name", Shape::OneOf(JOBS)), allowed("start", Shape::OneOf(&["when_enabled", "on_request"]))];

const GATE: &[Member] = &[needed("conditions", Shape::List), allowed("approval", Shape::Text)];

const CONDITION: &[Member] =
    &[needed("id", Shape::Text), needed("when", Shape::Text), needed("otherwise", Shape::Text)];

const DUE: &[Member] = &[needed("within", Shape::Duration), allowed("of", Shape::Text)];

const SCHEDULE: &[Member] = &[
    needed("id", Shape::Text),
    needed("job", Shape::OneOf(&["health_check"])),
    needed("cron", Shape::Text),
    allowed("zone", Shape::Text),
    allowed("catch_up", Shape::Inner),
    allowed("overlap", Shape::OneOf(&["skip", "allow"])),
    allowed("jitter", Shape::Duration),
];

const CATCH_UP: &[Member] = &[
    allowed("policy", Shape::OneOf(&["skip", "once", "all"])),
    allowed("window", Shape::Duration),
    allowed("cap", Shape::Whole { from: 1, to: 1000 }),
];

const RETRY: &[Member] = &[
    allowed("max_attempts", Shape::Whole { from: 1, to: 100 }),
    allowed("initial", Shape::Duration),
    allowed("factor", Shape::Number { from: 1.0, to: 100.0 }),
    allowed("max", Shape::Duration),
    allowed("jitter", Shape::Number { from: 0.0, to: 1.0 }),
];

/// All faults, in no particular order.
pub fn check(root: &Node, known: &Known) -> Vec<Found> {
    let mut check = Check { found: Vec::new() };
    if check.mapping(root, "a workflow", WORKFLOW) {
        check.workflow(root, known);
    }
    check.found
}

struct Check {
    found: Vec<Found>,
}

impl Check {
    fn fault(&mut self, at: Place, code: &'static str, cause: String, suggestion: String) {
        self.found.push(Found { at, code, cause, suggestion });
    }

    /// Checks keys and the shape of simple values. Whether it is a mapping at all.
    fn mapping(&mut self, node: &Node, what: &str, members: &[Member]) -> bool {
        let Value::Map(written) = &node.value else {
            let required: Vec<_> = members.iter().filter(|member| member.required).map(|member| member.name).collect();
            let all: Vec<_> = members.iter().map(|member| member.name).collect();
            let names = if required.is_empty() { all } else { required };
            self.fault(
                node.at,
                "wrong_type",
                format!("{what} must be a mapping, not {}", node.value.describe()),
                format!("Write it with the keys {}.", names.join(", ")),
            );
            return false;
        };
        let mut seen: Vec<&str> = Vec::new();
        for (name, at, value) in written {
            if seen.contains(&name.as_str()) {
                self.fault(*at, "duplicate_key", format!("`{name}` stands here twice"), "Keep one of them.".to_owned());
            }
            seen.push(name);
            if let Some(member) = members.iter().find(|member| member.name == name) {
                self.shape(name, value, member.shape);
            } else {
                let names: Vec<&str> = members.iter().map(|member| member.name).collect();
                self.fault(*at, "unknown_key", format!("{what} has no `{name}`"), did_you_mean(name, &names));
            }
        }
        for member in members.iter().filter(|member| member.required && !seen.contains(&member.name)) {
            self.fault(
                node.at,
                "missing_key",
                format!("{what} needs `{}`", member.name),
                format!("Add `{}: …`.", member.name),
            );
        }
        true
    }

    fn shape(&mut self, name: &str, node: &Node, shape: Shape) {
        let wrong = |expected: &str| format!("`{name}` must be {expected}, not {}", node.value.describe());
        match (shape, &node.value) {
            (Shape::Inner, _) | (Shape::List, Value::List(_)) => {}
            (Shape::List, _) => {
                let suggestion = format!("Write `{name}:` and below it each element after a dash.");
                self.fault(node.at, "wrong_type", wrong("a list"), suggestion);
            }
            (Shape::Text, Value::Text(text)) => {
                if text.trim().is_empty() {
                    let suggestion = format!("Write a text for `{name}`.");
                    self.fault(node.at, "empty_text", format!("`{name}` is empty"), suggestion);
                }
            }
            (Shape::Text, Value::Null) => {
                let suggestion = format!("Write a text for `{name}`.");
                self.fault(node.at, "empty_text", format!("`{name}` is empty"), suggestion);
            }
            (Shape::Text, _) => {
                self.fault(node.at, "wrong_type", wrong("a text"), format!("Put the value of `{name}` in quotes."));
            }
            (Shape::Whole { from, to }, Value::Integer(number)) if (from..=to).contains(number) => {}
            (Shape::Whole { from, to }, Value::Integer(number)) => self.fault(
                node.at,
                "out_of_range",
                format!("`{name}` is {number}"),
                format!("Use a whole number from {from} to {to}."),
            ),
            (Shape::Whole { from, to }, _) => self.fault(
                node.at,
                "wrong_type",
                wrong("a whole number"),
                format!("Use a whole number from {from} to {to}."),
            ),
            (Shape::Number { from, to }, Value::Integer(_) | Value::Float(_)) => {
                let number = match node.value {
                    Value::Float(number) => number,
                    #[allow(clippy::cast_precision_loss, reason = "only compared with small bounds")]
                    Value::Integer(number) => number as f64,
                    _ => f64::NAN,
                };
                if !(from..=to).contains(&number) {
                    let suggestion = format!("Use a number from {from} to {to}.");
                    self.fault(node.at, "out_of_range", format!("`{name}` is {number}"), suggestion);
                }
            }
            (Shape::Number { from, to }, _) => {
                self.fault(node.at, "wrong_type", wrong("a number"), format!("Use a number from {from} to {to}."));
            }
            (Shape::Duration, Value::Text(text)) => {
                if duration::parse(text).is_err() {
                    let suggestion = "Write one such as 30s, 5m, 2h, 7d, 1w or 1h30m.".to_owned();
                    self.fault(node.at, "bad_duration", format!("`{text}` is no duration"), suggestion);
                }
            }
            (Shape::Duration, _) => {
                let suggestion = "Write a number with its unit: 30s, 5m, 2h, 7d, 1w or 1h30m.".to_owned();
                self.fault(node.at, "bad_duration", wrong("a duration"), suggestion);
            }
            (Shape::OneOf(words), Value::Text(text)) if words.contains(&text.as_str()) => {}
            (Shape::OneOf(words), Value::Text(text)) => {
                self.fault(node.at, "unknown_value", format!("`{name}` cannot be `{text}`"), did_you_mean(text, words));
            }
            (Shape::OneOf(words), _) => {
                self.fault(node.at, "wrong_type", wrong("a word"), format!("Use one of {}.", words.join(", ")));
            }
            (Shape::TextList, Value::List(items)) => {
                for item in items.iter().filter(|item| item.text().is_none()) {
                    let cause = format!("`{name}` lists texts, not {}", item.value.describe());
                    self.fault(item.at, "wrong_type", cause, "Write a text.".to_owned());
                }
            }
            (Shape::TextList, _) => {
                self.fault(node.at, "wrong_type", wrong("a list"), format!("Write `{name}: [one, another]`."));
            }
        }
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

fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(nearest) => format!("Did you mean `{nearest}`?"),
        None => format!("Use one of {}.", known.join(", ")),
    }
}

fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .min()
        // A word of which nothing remains is no misspelling.
        .filter(|(distance, _)| *distance <= 1 + word.len() / 4 && *distance < word.chars().count())
        .map(|(_, candidate)| candidate)
}
