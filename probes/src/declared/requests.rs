//! A probe of requests: its steps one after the other, and the clean-up behind them.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::Instant as Deadline;

use super::compile::Step;
use super::exchange::{Answer, Connection, MOST_BYTES, NoAnswer};
use super::judgement::{self, Judgement};
use super::redaction::Redaction;
use super::variables::{self, SECRET, Variables};
use super::verdict::{Finding, Verdict, status_of, worse};
use crate::cleaning;
use crate::result::{StepTrace, milliseconds};
use crate::status::ProbeStatus;
use crate::target::Target;

/// The most of a probe's time that is kept for cleaning up behind an attempt.
const CLEANING: Duration = Duration::from_secs(5);

/// The part of a probe's time that is kept for cleaning up where that is less.
const SHARE_FOR_CLEANING: u32 = 4;

const COMPARE_HINT: &str = "Compare the platform's answer with the probe's declaration.";

/// What is asked, in order.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) steps: Vec<Step>,
    /// Taken at the end of every attempt.
    pub(super) cleanup: Vec<Step>,
}

impl Requests {
    /// Whether any request has the secret in it.
    pub(super) fn use_secret(&self) -> bool {
        self.steps.iter().chain(&self.cleanup).any(|step| step.variables().contains(&SECRET))
    }

    /// How much of the probe's time is kept for the clean-up.
    pub(super) fn kept(&self, time: Duration) -> Duration {
        if self.cleanup.is_empty() { Duration::ZERO } else { CLEANING.min(time / SHARE_FOR_CLEANING) }
    }

    /// One attempt: its steps until `deadline`, its clean-up in what is `kept`.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        target: &Target,
        connection: Arc<Connection>,
        deadline: Deadline,
        kept: Duration,
    ) -> Verdict {
        let mut redaction = Redaction::default();
        if let Some(secret) = &target.secret {
            redaction.learn(secret.expose());
        }
        let mut session = Session {
            requests: Arc::clone(self),
            connection,
            variables: variables::given(target),
            redaction,
            unclean: !self.cleanup.is_empty(),
        };
        let mut verdict = Verdict::default();
        for step in &self.steps {
            let (finding, trace) = session.take(step, deadline).await;
            let status = trace.status;
            verdict.steps.push(trace);
            verdict.find(finding);
            // What comes after a failed step builds on it.
            if status >= ProbeStatus::Fail {
                break;
            }
        }
        session.clean_up(&mut verdict, Deadline::now() + kept).await;
        verdict
    }
}

/// An attempt under way.
struct Session {
    requests: Arc<Requests>,
    connection: Arc<Connection>,
    variables: Variables,
    redaction: Redaction,
    /// Whether the clean-up is still to be done.
    unclean: bool,
}

impl Session {
    /// Takes one step.
    async fn take(&mut self, step: &Step, deadline: Deadline) -> (Option<Finding>, StepTrace) {
        let started = Instant::now();
        let (finding, observed) = match self.connection.exchange(step, &self.variables, deadline).await {
            Ok(answer) => {
                let answer = Arc::new(answer);
                let unextracted = self.extract(step, &answer);
                let finding = worse(judge(step, &answer, &self.variables, deadline).await, unextracted);
                (worse(finding, slowness(step, &answer)), answer.observed(&self.redaction))
            }
            Err(no_answer) => {
                let mut finding = match no_answer {
                    NoAnswer::Broken(reason) => Finding::broken(reason),
                    NoAnswer::Failed(reason) => Finding::failed(reason),
                };
                finding.message = self.redaction.excerpt(&finding.message);
                let observed = format!("no answer: {}", finding.message);
                (Some(finding), observed)
            }
        };
        let trace = trace(step, status_of(finding.as_ref()), observed, started.elapsed());
        (finding, trace)
    }

    /// Takes every step of the clean-up, whatever became of those before it. One that would need a variable which no
    /// step got to extract has nothing to clean up.
    async fn clean_up(&mut self, verdict: &mut Verdict, deadline: Deadline) {
        let requests = Arc::clone(&self.requests);
        for step in &requests.cleanup {
            if let Some(missing) = step.variables().into_iter().find(|name| !self.variables.contains_key(*name)) {
                let observed = format!("not needed: no step came by `{missing}`");
                verdict.steps.push(trace(step, ProbeStatus::Pass, observed, Duration::ZERO));
                continue;
            }
            let (finding, trace) = self.take(step, deadline).await;
            verdict.steps.push(trace);
            verdict.find(finding);
        }
        self.unclean = false;
    }

    /// Takes the step's variables out of the answer; tells of the first that is not there.
    fn extract(&mut self, step: &Step, answer: &Answer) -> Option<Finding> {
        let mut missing = None;
        for (name, path) in &step.extract {
            let text = path.query(&answer.body).exactly_one().ok().and_then(|value| match value {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Number(number) => Some(number.to_string()),
                serde_json::Value::Bool(value) => Some(value.to_string()),
                _ => None,
            });
            if let Some(text) = text {
                self.redaction.learn_extracted(&text);
                self.variables.insert(name.clone(), text);
            } else if missing.is_none() {
                let message = format!("the answer to {} has no `{name}` at {path}", step.request());
                missing = Some(Finding::new(ProbeStatus::Fail, message, COMPARE_HINT));
            }
        }
        missing
    }
}

impl Drop for Session {
    /// An attempt that is given up in the middle, because its job was cancelled or its time is over, is cleaned up
    /// behind all the same.
    fn drop(&mut self) {
        if !mem::take(&mut self.unclean) {
            return;
        }
        if Handle::try_current().is_err() {
            return;
        }
        let mut session = Self {
            requests: Arc::clone(&self.requests),
            connection: Arc::clone(&self.connection),
            variables: mem::take(&mut self.variables),
            redaction: mem::take(&mut self.redaction),
            unclean: false,
        };
        cleaning::later(async move {
            let mut verdict = Verdict::default();
            session.clean_up(&mut verdict, Deadline::now() + CLEANING).await;
            if let Some(finding) = verdict.finding {
                tracing::warn!(problem = finding.message, "a probe that was given up could not clean up behind itself");
            }
        });
    }
}

fn trace(step: &Step, status: ProbeStatus, observed: String, took: Duration) -> StepTrace {
    StepTrace {
        name: step.name.clone(),
        request: step.request(),
        expected: step.assertions.iter().map(|assertion| assertion.that.as_str()).collect::<Vec<_>>().join("; "),
        observed,
        status,
        duration_ms: milliseconds(took),
    }
}

/// The first of the worst assertions that do not hold.
async fn judge(step: &Step, answer: &Arc<Answer>, variables: &Variables, deadline: Deadline) -> Option<Finding> {
    let mut found = None;
    let judged = judgement::judge(&step.assertions, answer, variables, deadline).await;
    for (assertion, judgement) in step.assertions.iter().zip(judged) {
        let finding = match judgement {
            Judgement::Holds => continue,
            Judgement::DoesNotHold => {
                let status = ProbeStatus::from(assertion.severity);
                let message = match status {
                    ProbeStatus::Warn => assertion.message.clone(),
                    _ => format!("{} ({} was answered with {})", assertion.message, step.request(), answer.status),
                };
                Finding::new(status, message, assertion.hint.clone())
            }
            Judgement::AnswerUnfit(_) if answer.is_cut => Finding::new(
                ProbeStatus::Fail,
                format!("the answer to {} is longer than a probe reads, {MOST_BYTES} bytes", step.request()),
                "Ask the platform for less, such as one page of a list.",
            ),
            Judgement::AnswerUnfit(reason) => Finding::new(
                ProbeStatus::Fail,
                format!("the answer to {} does not fit `{}`: {reason}", step.request(), assertion.that),
                COMPARE_HINT,
            ),
            Judgement::AssertionUnfit(reason) => Finding::new(
                ProbeStatus::Error,
                format!("the probe's assertion `{}` {reason}", assertion.that),
                "Correct the probe's declaration.",
            ),
        };
        found = worse(found, Some(finding));
    }
    found
}

/// Whether the answer took longer than the step allows.
fn slowness(step: &Step, answer: &Answer) -> Option<Finding> {
    let over = |limit: Option<Duration>| limit.filter(|limit| answer.latency > *limit);
    let (status, limit) = match (over(step.slow_fail), over(step.slow_warn)) {
        (Some(limit), _) => (ProbeStatus::Fail, limit),
        (None, Some(limit)) => (ProbeStatus::Warn, limit),
        (None, None) => return None,
    };
    let message = format!("{} took {} ms, more than {limit:?}", step.request(), milliseconds(answer.latency));
    Some(Finding::new(status, message, "See why the platform is slow before members notice."))
}
