//! One request and its answer, within bounds of address, time and size.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, HeaderValue, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde_json::Value;
use tokio::time::{Instant as Deadline, timeout_at};
use url::Url;

use super::compile::Step;
use super::redaction::Redaction;
use super::template::percent_encode;
use super::variables::{TAG, Variables};
use crate::address::{AddressPolicy, NotResolved, Refused};
use crate::certificates;

/// Carries an attempt's tag, so that the platform's log tells what was a probe.
const TAG_HEADER: &str = "workbench-probe";

/// How much of an answer is read.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// The way to one platform, and to where it redirects.
pub(super) struct Connection {
    client: Client,
    base: Url,
    policy: AddressPolicy,
}

/// What is asked next: the step's own request, or where a redirect leads.
struct Ask {
    client: Client,
    method: Method,
    address: Url,
    /// Whether it goes to the platform itself, which alone is sent the step's headers.
    home: bool,
    with_body: bool,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    /// The JSON of the body, or its text where it is none.
    pub(super) body: Value,
    is_json: bool,
    pub(super) is_cut: bool,
    /// Until the body had been read.
    pub(super) latency: Duration,
}

/// Why nothing came back.
pub(super) enum NoAnswer {
    /// The probe could not ask.
    Broken(Reason),
    /// The platform did not answer.
    Failed(Reason),
}

/// What stood in the way, for people.
pub(super) struct Reason {
    pub(super) message: String,
    pub(super) hint: &'static str,
}

impl Reason {
    fn new(message: impl Into<String>, hint: &'static str) -> Self {
        Self { message: message.into(), hint }
    }
}

impl Reason {
    /// The same, where it was the platform that named the address and not the tenant.
    fn of_redirect(self, to: &Url) -> Self {
        let host = to.host_str().unwrap_or_default();
        Self::new(format!("the platform redirects to {host}: {}", self.message), REDIRECT_HINT)
    }
}

const ALLOW_HINT: &str =
    "If the tenant's platform really is at this address, have an administrator allow its host and port for probes.";
const REDIRECT_HINT: &str = "See why the platform sends its visitors there; a probe follows to public addresses only.";
const ADDRESS_HINT: &str = "Correct the tenant's platform address.";
const REACH_HINT: &str = "Check that the platform is up and that the tenant's platform address is right.";
pub(super) const SLOW_HINT: &str = "See why the platform takes so long, or give the probe more time.";
const SECURE_HINT: &str = "See that the platform speaks TLS at this address, and check its certificate: the names in it, its dates and who signed it.";
const DECLARATION_HINT: &str = "Correct the probe's declaration.";

impl Connection {
    pub(super) fn open(base: &Url, policy: &AddressPolicy) -> Result<Self, Reason> {
        fit(base)?;
        Ok(Self { client: client(base, policy)?, base: base.clone(), policy: policy.clone() })
    }

    /// Sends the step's request and reads the answer, both before `deadline`.
    pub(super) async fn exchange(
        &self,
        step: &Step,
        variables: &Variables,
        deadline: Deadline,
    ) -> Result<Answer, NoAnswer> {
        let mut ask = Ask {
            client: self.client.clone(),
            method: step.method.clone(),
            address: self.address(step, variables).map_err(NoAnswer::Broken)?,
            home: true,
            with_body: true,
        };
        let started = Instant::now();
        let late = |what: &str| NoAnswer::Failed(Reason::new(format!("{} {what}", step.request()), SLOW_HINT));
        let mut followed = 0;
        let mut response = loop {
            let request = request(step, variables, &ask).map_err(NoAnswer::Broken)?;
            let response = timeout_at(deadline, request.send())
                .await
                .map_err(|_| late("was not answered within the probe's time"))?
                .map_err(|error| match explain(step, &error) {
                    NoAnswer::Broken(reason) if !ask.home => NoAnswer::Broken(reason.of_redirect(&ask.address)),
                    other => other,
                })?;
            if followed == step.redirects {
                break response;
            }
            match self.redirected(&ask, &response).map_err(NoAnswer::Broken)? {
                Some(next) => ask = next,
                None => break response,
            }
            followed += 1;
        };
        let status = response.status();
        let headers = headers_of(&response);

        let mut bytes = Vec::new();
        while bytes.len() <= MOST_BYTES {
            let chunk = timeout_at(deadline, response.chunk())
                .await
                .map_err(|_| late("was answered, but the answer did not end within the probe's time"))?
                .map_err(|error| explain(step, &error))?;
            let Some(chunk) = chunk else { break };
            let room = MOST_BYTES + 1 - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let is_cut = bytes.len() > MOST_BYTES;
        bytes.truncate(MOST_BYTES);
        let json = if is_cut { None } else { serde_json::from_slice(&bytes).ok() };
        let is_json = json.is_some();
        let body = json.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into());
        Ok(Answer { status, headers, body, is_json, is_cut, latency: started.elapsed() })
    }

    /// Where the answer sends the probe, if it is somewhere that a probe can follow to. What cannot be followed is an
    /// answer like any other; only an address that the policy does not allow breaks the probe.
    fn redirected(&self, ask: &Ask, response: &Response) -> Result<Option<Ask>, Reason> {
        let keeps_method = match response.status() {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => ask.method == Method::HEAD,
            _ => return Ok(None),
        };
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let Some(address) = location.and_then(|location| ask.address.join(location).ok()) else { return Ok(None) };
        let less_secure = ask.address.scheme() == "https" && address.scheme() != "https";
        if fit(&address).is_err() || less_secure {
            return Ok(None);
        }
        let home = (address.scheme(), address.authority()) == (self.base.scheme(), self.base.authority());
        let with_body = keeps_method && ask.with_body;
        let method = if keeps_method { ask.method.clone() } else { Method::GET };
        if !home && !matches!(method, Method::GET | Method::HEAD) {
            // What was meant for the platform is not handed to somebody else.
            return Ok(None);
        }
        let client = if home {
            self.client.clone()
        } else {
            client(&address, &self.policy).map_err(|reason| reason.of_redirect(&address))?
        };
        Ok(Some(Ask { client, method, address, home, with_body: with_body && home }))
    }

    /// The step's path below the platform's address.
    fn address(&self, step: &Step, variables: &Variables) -> Result<Url, Reason> {
        let rendered = step.path.render(variables, percent_encode);
        let (path, query) = match rendered.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rendered.as_str(), None),
        };
        let base = self.base.path().trim_end_matches('/');
        let mut address = self.base.clone();
        address.set_path(&format!("{base}{path}"));
        address.set_query(query);
        // An extracted `..` would climb out of the tenant's part of the platform.
        let below = address.path().strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        if below && address.authority() == self.base.authority() {
            Ok(address)
        } else {
            Err(Reason::new(format!("{} leads out of the tenant's platform", step.request()), DECLARATION_HINT))
        }
    }
}

impl Answer {
    /// What came, in one line without secrets.
    pub(super) fn observed(&self, redaction: &Redaction) -> String {
        let status = self.status.as_u16();
        let location = self.headers.get(LOCATION.as_str()).filter(|_| self.status.is_redirection());
        let body = if self.is_json { redaction.excerpt_json(&self.body) } else { redaction.excerpt(self.text()) };
        match location {
            Some(location) => {
                // A query often carries a session or a ticket.
                let place = location.split(['?', '#']).next().unwrap_or_default();
                format!("{status}, a redirect to {}, which was not followed", redaction.excerpt(place))
            }
            None if body.is_empty() => format!("{status} with an empty body"),
            None if self.is_cut => format!("{status}, more than {MOST_BYTES} bytes: {body}"),
            None => format!("{status} {body}"),
        }
    }

    fn text(&self) -> &str {
        self.body.as_str().unwrap_or_default()
    }
}

/// A client that is good for one authority and nothing else.
fn client(address: &Url, policy: &AddressPolicy) -> Result<Client, Reason> {
    let resolver = policy.guard(address).map_err(|refused| Reason::new(refused.to_string(), ALLOW_HINT))?;
    let trust = certificates::trust().map_err(|error| {
        Reason::new(format!("the system's certificates cannot be read: {error}"), "Install the system's certificates.")
    })?;
    Client::builder()
        .tls_backend_preconfigured(trust)
        .user_agent(concat!("workbench-probe/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(resolver)
        // The guard answers for this one authority; each redirect is judged anew.
        .redirect(redirect::Policy::none())
        // A proxy would resolve names by itself, past the guard.
        .no_proxy()
        .build()
        .map_err(|error| {
            Reason::new(format!("no connection could be prepared: {}", innermost(&error)), "See the daemon's log.")
        })
}

fn request(step: &Step, variables: &Variables, ask: &Ask) -> Result<RequestBuilder, Reason> {
    let mut request = ask.client.request(ask.method.clone(), ask.address.clone()).header(ACCEPT, "application/json");
    if let Some(tag) = variables.get(TAG) {
        request = request.header(TAG_HEADER, tag);
    }
    for (name, value) in step.headers.iter().filter(|_| ask.home) {
        // The value is not quoted: it may hold a token.
        let mut value = HeaderValue::from_str(&value.render(variables, str::to_owned)).map_err(|_| {
            Reason::new(format!("header `{name}` came to a value that no header can have"), DECLARATION_HINT)
        })?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    Ok(match &step.json {
        Some(json) if ask.with_body => request.json(&json.render(variables)),
        _ => request,
    })
}

/// Whether a tenant's platform can be at an address.
pub(super) fn fit(base: &Url) -> Result<(), Reason> {
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
        return Err(Reason::new("the tenant's platform address is not an http or https address", ADDRESS_HINT));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Reason::new("the tenant's platform address carries credentials", ADDRESS_HINT));
    }
    Ok(())
}

/// The first address behind the platform's that probes may connect to.
pub(super) async fn resolve(base: &Url, policy: &AddressPolicy, deadline: Deadline) -> Result<IpAddr, NoAnswer> {
    match timeout_at(deadline, policy.resolve(base)).await {
        Err(_) => {
            Err(NoAnswer::Failed(Reason::new("the name of the platform's host was not found in time", REACH_HINT)))
        }
        Ok(Err(error @ NotResolved::Refused(_))) => Err(NoAnswer::Broken(Reason::new(error.to_string(), ALLOW_HINT))),
        Ok(Err(error @ NotResolved::Unknown(_))) => Err(NoAnswer::Failed(Reason::new(error.to_string(), REACH_HINT))),
        Ok(Ok(address)) => Ok(address),
    }
}

fn headers_of(response: &Response) -> BTreeMap<String, String> {
    response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// What an error of the connection means.
fn explain(step: &Step, error: &reqwest::Error) -> NoAnswer {
    if let Some(refused) = sources(error).find_map(|source| source.downcast_ref::<Refused>()) {
        return NoAnswer::Broken(Reason::new(refused.to_string(), ALLOW_HINT));
    }
    let request = step.request();
    let cause = innermost(error);
    if error.is_builder() {
        NoAnswer::Broken(Reason::new(format!("{request} could not be written: {cause}"), DECLARATION_HINT))
    } else if is_insecure(error) {
        NoAnswer::Failed(Reason::new(format!("no secure connection to the platform: {cause}"), SECURE_HINT))
    } else if error.is_connect() {
        NoAnswer::Failed(Reason::new(format!("no connection to the platform: {cause}"), REACH_HINT))
    } else {
        NoAnswer::Failed(Reason::new(format!("{request} broke off: {cause}"), REACH_HINT))
    }
}

/// Whether the trouble is with TLS, whose errors come as those of input and output.
fn is_insecure(error: &reqwest::Error) -> bool {
    fn of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
        let Some(error) = error.downcast_ref::<io::Error>() else { return false };
        // One that wraps another is not its source.
        error.kind() == io::ErrorKind::InvalidData || error.get_ref().is_some_and(|inner| of_tls(inner))
    }
    error.is_connect() && sources(error).any(of_tls)
}

fn sources<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |error| (*error).source())
}

/// The cause at the bottom, which says the most and, unlike those above it, never quotes the address.
fn innermost(error: &reqwest::Error) -> String {
    match sources(error).last() {
        Some(cause) => cause.to_string(),
        None => "the request failed".to_owned(),
    }
}
