//! From the steps of a declaration that was found sound to what is run.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json_path::JsonPath;

use super::declaration;
use super::judgement::Assertion;
use super::span;
use super::template::{JsonTemplate, Template};

/// A request and what is made of its answer.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) method: Method,
    /// The path as declared, for showing.
    pub(super) declared_path: String,
    pub(super) path: Template,
    pub(super) json: Option<JsonTemplate>,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) redirects: u32,
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

    /// Names of the variables that its request fills in.
    pub(super) fn variables(&self) -> Vec<&str> {
        let json = self.json.iter().flat_map(JsonTemplate::variables);
        let headers = self.headers.iter().flat_map(|(_, value)| value.variables());
        self.path.variables().chain(json).chain(headers).collect()
    }
}

/// The error says what the check should have found.
pub(super) fn step(step: declaration::Step) -> Result<Step, String> {
    let request = step.request;
    let headers = request.headers.iter().map(|(name, value)| {
        let header = HeaderName::try_from(name).map_err(|_| format!("`{name}` is not the name of a header"))?;
        Ok((header, Template::parse(value)?))
    });
    let extract = step.extract.into_iter().map(|(name, path)| {
        let path = JsonPath::parse(&path).map_err(|error| format!("`{path}`: {error}"))?;
        Ok((name, path))
    });
    let span = |text: Option<String>| text.as_deref().map(span::parse).transpose();
    Ok(Step {
        name: step.name,
        method: Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?,
        path: Template::parse(&request.path)?,
        declared_path: request.path,
        json: request.json.map(JsonTemplate::parse).transpose()?,
        headers: headers.collect::<Result<_, String>>()?,
        redirects: request.redirects,
        extract: extract.collect::<Result<_, String>>()?,
        assertions: step.assert.into_iter().map(Assertion::compile).collect::<Result<_, _>>()?,
        slow_warn: span(step.slow.warn)?,
        slow_fail: span(step.slow.fail)?,
    })
}
