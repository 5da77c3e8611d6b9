//! Every fault of a declaration, found on the tree before it becomes a probe.

use reqwest::header::HeaderName;
use serde_json_path::JsonPath;
use workbench_positions::{Faults, Member, Node, Place, Shape, Value, allowed, did_you_mean, needed};

use super::judgement::{self, UnfitExpression};
use super::span;
use super::template::{Template, is_name};
use super::variables::{GIVEN, PLACE, SECRET};

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that belong to the connection; setting them could lead a request astray or break its framing.
const HEADERS_OF_THE_CONNECTION: [&str; 6] =
    ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te"];

/// What the workbench's own settings begin with, and those that are meant for probes.
const OURS: &str = "WORKBENCH_";
const OURS_FOR_PROBES: &str = "WORKBENCH_PROBE_";

const MOST_ATTEMPTS: i64 = 10;
const MOST_REDIRECTS: i64 = 5;

const DURATION: Shape =
    Shape::Duration { accepts: |text| span::parse(text).is_ok(), such_as: "500ms, 2s or 1m, at most 60m" };

const PROBE: &[Member] = &[
    needed("name", Shape::Text),
    needed("title", Shape::Text),
    allowed("timeout", DURATION),
    allowed("attempts", Shape::Whole { from: 1, to: MOST_ATTEMPTS }),
    allowed("pass_message", Shape::Text),
    allowed("steps", Shape::List),
    allowed("cleanup", Shape::List),
    allowed("command", Shape::TextList),
    allowed("environment", Shape::TextMap),
    allowed("inherit", Shape::TextList),
    allowed("hint", Shape::Text),
];

/// Keys that mean something for one manner of probe only.
const OF_STEPS: [&str; 2] = ["steps", "cleanup"];
const OF_COMMANDS: [&str; 3] = ["environment", "inherit", "hint"];

const STEP: &[Member] = &[
    needed("name", Shape::Text),
    needed("request", Shape::Inner),
    allowed("extract", Shape::TextMap),
    needed("assert", Shape::List),
    allowed("slow", Shape::Inner),
];

const REQUEST: &[Member] = &[
    needed("method", Shape::OneOf(METHODS)),
    needed("path", Shape::Text),
    allowed("json", Shape::Inner),
    allowed("headers", Shape::TextMap),
    allowed("redirects", Shape::Whole { from: 0, to: MOST_REDIRECTS }),
];

const ASSERTION: &[Member] = &[
    needed("that", Shape::Text),
    allowed("severity", Shape::OneOf(&["warn", "fail"])),
    needed("message", Shape::Text),
    allowed("hint", Shape::Inner),
];

const SLOW: &[Member] = &[allowed("warn", DURATION), allowed("fail", DURATION)];

/// All faults, in no particular order.
pub(super) fn check(root: &Node) -> Faults {
    let mut check = Check { faults: Faults::default(), known: GIVEN.map(str::to_owned).to_vec() };
    if check.faults.mapping(root, "a probe", PROBE) {
        check.probe(root);
    }
    check.faults
}

struct Check {
    faults: Faults,
    /// The variables that can be filled in at the place that is looked at.
    known: Vec<String>,
}

impl Check {
    fn probe(&mut self, root: &Node) {
        if let Some((node, name)) = root.text_of("name")
            && !name.trim().is_empty()
            && !is_name(name)
        {
            let cause = format!("`{name}` cannot be a name: letters, digits and `_` only, no digit first");
            self.faults.add(node.at, "bad_name", cause, "Write one such as `name: sample_login`.");
        }
        if let Some(command) = root.get("command") {
            for key in OF_STEPS {
                self.stray(root, key, "a probe with a `command` has no");
            }
            self.command(root, command);
            return;
        }
        for key in OF_COMMANDS {
            self.stray(root, key, "without a `command` there is no use for");
        }
        match root.get("steps") {
            None => self.no_steps(root.at),
            Some(steps) if matches!(&steps.value, Value::List(items) if items.is_empty()) => self.no_steps(steps.at),
            Some(_) => {}
        }
        let mut names: Vec<&str> = Vec::new();
        for step in OF_STEPS.into_iter().flat_map(|list| root.get(list).map(Node::items).unwrap_or_default()) {
            if let Some((node, name)) = step.text_of("name") {
                if names.contains(&name) {
                    let cause = format!("there are two steps `{name}`");
                    self.faults.add(node.at, "duplicate_name", cause, "Give one of the two another name.");
                }
                names.push(name);
            }
            if self.faults.mapping(step, "a step", STEP) {
                self.step(step);
            }
        }
    }

    /// A key that the other manner of probe would have.
    fn stray(&mut self, root: &Node, key: &str, why: &str) {
        if let Some((_, at, _)) = root.members().iter().find(|(name, ..)| name == key) {
            let suggestion =
                "A probe has either `steps` and `cleanup`, or `command`, `environment`, `inherit` and `hint`.";
            self.faults.add(*at, "key_mismatch", format!("{why} `{key}`"), suggestion);
        }
    }

    fn command(&mut self, root: &Node, command: &Node) {
        self.known.extend(PLACE.map(str::to_owned));
        let Some((program, arguments)) = command.items().split_first() else {
            if matches!(command.value, Value::List(_)) {
                let suggestion = "Write a program's path and its arguments: `[/usr/bin/check_x, -H, \"{{host}}\"]`.";
                self.faults.add(command.at, "bad_command", "`command` is empty", suggestion);
            }
            return;
        };
        if let Some(text) = program.text()
            && (!text.starts_with('/') || text.contains("{{"))
        {
            // What is looked up by name depends on who starts the daemon.
            let cause = format!("`{text}` is not the whole path of a program");
            self.faults.add(
                program.at,
                "bad_command",
                cause,
                "Write one such as `/usr/lib/nagios/plugins/check_http`.",
            );
        }
        for (argument, text) in arguments.iter().filter_map(|argument| Some((argument, argument.text()?))) {
            if self.template(argument.at, text).iter().any(|name| name == SECRET) {
                let cause = "the secret must not be an argument, which every user of the machine can read";
                let suggestion = "Hand it over in `environment`, such as `PROBE_SECRET: \"{{secret}}\"`.";
                self.faults.add(argument.at, "secret_in_argument", cause, suggestion);
            }
        }
        for (name, at, value) in root.get("environment").map(Node::members).unwrap_or_default() {
            self.environment_name(name, *at);
            if let Some(text) = value.text() {
                self.template(value.at, text);
            }
        }
        for name in root.get("inherit").map(Node::items).unwrap_or_default() {
            let Some(text) = name.text() else { continue };
            self.environment_name(text, name.at);
            if text.starts_with(OURS) && !text.starts_with(OURS_FOR_PROBES) {
                let cause = format!("`{text}` is a setting of the workbench itself and may hold a secret");
                let suggestion =
                    format!("Use a variable of another name, or one that begins with `{OURS_FOR_PROBES}`.");
                self.faults.add(name.at, "bad_environment", cause, suggestion);
            }
        }
    }

    fn environment_name(&mut self, name: &str, at: Place) {
        if !is_name(name) {
            let cause = format!("`{name}` cannot be the name of a variable of the environment");
            self.faults.add(at, "bad_environment", cause, "Use letters, digits and `_`, no digit first.");
        }
    }

    fn no_steps(&mut self, at: Place) {
        let suggestion = "Write `steps:` and below it each step after a dash, or a `command`.";
        self.faults.add(at, "no_steps", "a probe without steps proves nothing", suggestion);
    }

    fn step(&mut self, step: &Node) {
        if let Some(request) = step.get("request")
            && self.faults.mapping(request, "`request`", REQUEST)
        {
            self.request(request);
        }
        self.assertions(step);
        for (name, at, path) in step.get("extract").map(Node::members).unwrap_or_default() {
            self.extraction(name, *at, path);
        }
        if let Some(slow) = step.get("slow")
            && self.faults.mapping(slow, "`slow`", SLOW)
        {
            let limit = |key| slow.text_of(key).and_then(|(node, text)| Some((node.at, span::parse(text).ok()?)));
            if let Some(((at, warn), (_, fail))) = limit("warn").zip(limit("fail"))
                && warn >= fail
            {
                let suggestion = "Let `warn` be shorter than `fail`, or leave one of them out.";
                self.faults.add(at, "slow_order", "no answer could be slow enough to warn and not fail", suggestion);
            }
        }
    }

    fn request(&mut self, request: &Node) {
        if let Some((node, path)) = request.text_of("path") {
            if !path.trim().is_empty() && (!path.starts_with('/') || path.starts_with("//") || path.contains('#')) {
                let suggestion = "Write a path below the platform's address, such as `/members?limit=1`.";
                let cause = format!("`{path}` must begin with one `/` and have no `#`");
                self.faults.add(node.at, "bad_path", cause, suggestion);
            }
            let used = self.template(node.at, path);
            if used.iter().any(|name| name == SECRET) {
                let cause = "the secret must not be part of an address, which ends up in logs";
                self.faults.add(node.at, "secret_in_path", cause, "Send it in `json` or `headers`.");
            }
        }
        for (name, at, value) in request.get("headers").map(Node::members).unwrap_or_default() {
            match HeaderName::try_from(name) {
                Err(_) => {
                    let cause = format!("`{name}` is not the name of a header");
                    self.faults.add(*at, "bad_header", cause, "Use letters, digits and `-`.");
                }
                Ok(header) if HEADERS_OF_THE_CONNECTION.contains(&header.as_str()) => {
                    let cause = format!("`{name}` is set by the connection itself");
                    self.faults.add(*at, "bad_header", cause, "Leave it out.");
                }
                Ok(_) => {}
            }
            if let Some(text) = value.text() {
                self.template(value.at, text);
            }
        }
        if let Some(json) = request.get("json") {
            self.json(json);
        }
    }

    fn json(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) => {
                self.template(node.at, text);
            }
            Value::List(items) => items.iter().for_each(|item| self.json(item)),
            Value::Map(members) => members.iter().for_each(|(.., member)| self.json(member)),
            _ => {}
        }
    }

    /// Checks a text with variables. Gives their names.
    fn template(&mut self, at: Place, text: &str) -> Vec<String> {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(cause) => {
                self.faults.add(at, "bad_template", cause, "Write a variable as `{{name}}`.");
                return Vec::new();
            }
        };
        let used: Vec<String> = template.variables().map(str::to_owned).collect();
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        for name in used.iter().filter(|name| !known.contains(&name.as_str())) {
            let cause = format!("there is no variable `{name}` at this point");
            self.faults.add(at, "unknown_variable", cause, did_you_mean(name, &known));
        }
        used
    }

    fn assertions(&mut self, step: &Node) {
        let Some(list) = step.get("assert") else { return };
        if matches!(&list.value, Value::List(items) if items.is_empty()) {
            let suggestion = "Write at least `assert: [{ that: status == 200, message: … }]`.";
            self.faults.add(list.at, "no_assertions", "a step without an assertion proves nothing", suggestion);
        }
        for assertion in list.items() {
            if !self.faults.mapping(assertion, "an assertion", ASSERTION) {
                continue;
            }
            let Some((node, that)) = assertion.text_of("that").filter(|(_, that)| !that.trim().is_empty()) else {
                continue;
            };
            let Err(unfit) = judgement::compile(that) else { continue };
            let (code, suggestion) = match &unfit {
                UnfitExpression::Syntax(_) | UnfitExpression::Unevaluated(_) => {
                    ("assertion_syntax", "Write CEL, for example `status == 200`.".to_owned())
                }
                UnfitExpression::TooLarge => {
                    ("assertion_too_large", "Make several assertions of it: all of them must hold.".to_owned())
                }
                UnfitExpression::Unknown(name) => ("assertion_unknown", did_you_mean(name, &judgement::NAMES)),
                UnfitExpression::NotBoolean(_) => {
                    ("assertion_not_boolean", "Compare the value with something, as in `status == 200`.".to_owned())
                }
            };
            self.faults.add(node.at, code, format!("`{that}` {unfit}"), suggestion);
        }
    }

    fn extraction(&mut self, name: &str, at: Place, path: &Node) {
        if !is_name(name) || GIVEN.contains(&name) {
            let cause = format!("`{name}` cannot be the name of a variable that is extracted");
            let suggestion = format!("Use letters, digits and `_`, and none of {}.", GIVEN.join(", "));
            self.faults.add(at, "bad_variable", cause, suggestion);
        }
        if let Some(text) = path.text()
            && let Err(error) = JsonPath::parse(text)
        {
            let cause = format!("`{text}` is no JSONPath: {error}");
            self.faults.add(path.at, "bad_json_path", cause, "Write one such as `$.token` or `$.items[0].id`.");
        }
        if !self.known.iter().any(|known| known == name) {
            self.known.push(name.to_owned());
        }
    }
}
