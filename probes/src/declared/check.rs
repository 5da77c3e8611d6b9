//! Finding everything wrong with a declaration before it is ever run.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json_path::JsonPath;

use super::declaration::{self, Declaration};
use super::judgement::Assertion;
use super::template::{JsonTemplate, Template, is_name};
use super::{DeclarationError, DeclaredProbe, span};

/// The variables that every step has.
pub(super) const USER: &str = "user";
pub(super) const SECRET: &str = "secret";
pub(super) const TENANT_ID: &str = "tenant_id";
const GIVEN: [&str; 3] = [USER, SECRET, TENANT_ID];

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Headers that belong to the connection; setting them could lead a request astray or break its framing.
const HEADERS_OF_THE_CONNECTION: [&str; 6] =
    ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te"];

const MOST_ATTEMPTS: u32 = 10;

/// A step that was found sound.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) method: Method,
    /// The path as declared, for showing.
    pub(super) declared_path: String,
    pub(super) path: Template,
    pub(super) json: Option<JsonTemplate>,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) extract: Vec<(String, JsonPath)>,
    pub(super) assertions: Vec<Assertion>,
    pub(super) slow_warn: Option<Duration>,
    pub(super) slow_fail: Option<Duration>,
}

impl Step {
    /// The request as results show it.
    pub(super) fn request(&self) -> String {
        format!("{} {}", self.method, self.declared_path)
    }
}

pub(super) fn check(declaration: Declaration, fingerprint: String) -> Result<DeclaredProbe, DeclarationError> {
    let mut faults = Faults::default();
    if !is_name(&declaration.name) {
        faults.add("name: must consist of letters, digits and underscores");
    }
    if !(1..=MOST_ATTEMPTS).contains(&declaration.attempts) {
        faults.add(format!("attempts: must be between 1 and {MOST_ATTEMPTS}"));
    }
    let timeout = faults.keep("timeout", span::parse(&declaration.timeout));
    if declaration.steps.is_empty() {
        faults.add("steps: a probe needs at least one");
    }

    let mut known: BTreeSet<String> = GIVEN.map(str::to_owned).into();
    let mut names = BTreeSet::new();
    let mut steps = Vec::with_capacity(declaration.steps.len());
    for step in declaration.steps {
        if !names.insert(step.name.clone()) {
            faults.add(format!("step `{}`: there is another step of that name", step.name));
        }
        steps.extend(check_step(step, &mut known, &mut faults));
    }

    match timeout {
        Some(timeout) if faults.found.is_empty() => Ok(DeclaredProbe {
            name: declaration.name,
            title: declaration.title,
            timeout,
            attempts: declaration.attempts,
            pass_message: declaration.pass_message,
            steps,
            fingerprint,
        }),
        _ => Err(DeclarationError::Unsound { probe: declaration.name, faults: faults.found }),
    }
}

/// Gives the step as far as it is sound; what is not is among `faults`.
fn check_step(step: declaration::Step, known: &mut BTreeSet<String>, faults: &mut Faults) -> Option<Step> {
    let place = |part: &str| format!("step `{}`, {part}", step.name);
    let request = step.request;

    let method = METHODS.into_iter().find(|method| method.as_str() == request.method);
    if method.is_none() {
        faults.add(format!(
            "{}: `{}` is not one of {}",
            place("method"),
            request.method,
            METHODS.map(|m| m.to_string()).join(", ")
        ));
    }

    if !request.path.starts_with('/') || request.path.starts_with("//") || request.path.contains('#') {
        faults.add(format!("{}: must start with one `/` and have no `#`", place("path")));
    }
    let path = faults.keep(&place("path"), Template::parse(&request.path));
    if let Some(path) = &path {
        faults.unknown_variables(&place("path"), path.variables(), known);
        if path.variables().any(|name| name == SECRET) {
            faults.add(format!("{}: the secret must not be part of an address, which ends up in logs", place("path")));
        }
    }

    let json = request.json.and_then(|json| faults.keep(&place("json"), JsonTemplate::parse(json)));
    if let Some(json) = &json {
        faults.unknown_variables(&place("json"), json.variables(), known);
    }

    let mut headers = Vec::new();
    for (name, value) in request.headers {
        let place = place(&format!("header `{name}`"));
        let header = faults.keep(&place, HeaderName::try_from(&name).map_err(|_| "is not the name of a header".into()));
        if header.as_ref().is_some_and(|header| HEADERS_OF_THE_CONNECTION.contains(&header.as_str())) {
            faults.add(format!("{place}: is set by the connection itself"));
        }
        let value = faults.keep(&place, Template::parse(&value));
        if let Some(value) = &value {
            faults.unknown_variables(&place, value.variables(), known);
        }
        headers.extend(header.zip(value));
    }

    if step.assert.is_empty() {
        faults.add(format!("{}: a step without an assertion proves nothing", place("assert")));
    }
    let mut assertions = Vec::new();
    for assertion in step.assert {
        let place = place(&format!("assertion `{}`", assertion.that));
        if assertion.message.trim().is_empty() {
            faults.add(format!("{place}: needs a message"));
        }
        assertions.extend(faults.keep(&place, Assertion::compile(assertion)));
    }

    let mut extract = Vec::new();
    for (name, json_path) in step.extract {
        let place = place(&format!("extract `{name}`"));
        if !is_name(&name) || GIVEN.contains(&name.as_str()) {
            faults.add(format!("{place}: cannot be the name of a variable"));
        }
        let json_path = JsonPath::parse(&json_path).map_err(|error| format!("`{json_path}`: {error}"));
        if let Some(json_path) = faults.keep(&place, json_path) {
            extract.push((name.clone(), json_path));
        }
        known.insert(name);
    }

    let mut slow = |part, text: Option<String>| text.and_then(|text| faults.keep(&place(part), span::parse(&text)));
    let slow_warn = slow("slow.warn", step.slow.warn);
    let slow_fail = slow("slow.fail", step.slow.fail);
    if slow_warn.zip(slow_fail).is_some_and(|(warn, fail)| warn >= fail) {
        faults.add(format!("{}: `warn` must be shorter than `fail`", place("slow")));
    }

    Some(Step {
        method: method?,
        declared_path: request.path,
        path: path?,
        json,
        headers,
        extract,
        assertions,
        slow_warn,
        slow_fail,
        name: step.name,
    })
}

/// Faults in the order in which they were found.
#[derive(Default)]
struct Faults {
    found: Vec<String>,
}

impl Faults {
    fn add(&mut self, fault: impl Into<String>) {
        self.found.push(fault.into());
    }

    /// The value, or nothing and one fault more.
    fn keep<T>(&mut self, place: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|fault| self.add(format!("{place}: {fault}"))).ok()
    }

    fn unknown_variables<'a>(
        &mut self,
        place: &str,
        used: impl IntoIterator<Item = &'a str>,
        known: &BTreeSet<String>,
    ) {
        for name in used {
            if !known.contains(name) {
                let known = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                self.add(format!("{place}: no variable `{name}` at this point; there are {known}"));
            }
        }
    }
}
