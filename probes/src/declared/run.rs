//! Running a declared probe: attempts, steps, verdict.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::time::{Instant as Deadline, sleep};

use super::DeclaredProbe;
use super::compile::Step;
use super::exchange::{Answer, Connection, NoAnswer, Reason};
use super::judgement::Judgement;
use super::redaction::Redaction;
use super::variables::{self, Variables};
use crate::result::{ProbeResult, StepTrace, milliseconds};
use crate::status::ProbeStatus;
use crate::target::{Limits, Target};

/// How long a platform is left alone before it is tried again.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn run(probe: &DeclaredProbe, target: &Target, limits: &Limits) -> ProbeResult {
    let started_at = Utc::now();
    let started = Instant::now();
    let deadline = Deadline::now() + probe.timeout.min(limits.timeout);

    let mut attempts = 1;
    let verdict = match Connection::open(&target.base_url, &limits.allow) {
        Err(reason) => Verdict { finding: Some(Finding::broken(reason)), steps: Vec::new() },
        Ok(connection) => loop {
            let verdict = attempt(probe, target, &connection, deadline).await;
            // Only a failure may be a passing one: a warning is an answer, and a broken probe stays broken.
            let again = verdict.status() == ProbeStatus::Fail && attempts < probe.attempts;
            if !again || Deadline::now() + PAUSE >= deadline {
                break verdict;
            }
            sleep(PAUSE).await;
            attempts += 1;
        },
    };

    let status = verdict.status();
    let (message, hint) = match verdict.finding {
        Some(finding) => (finding.message, finding.hint),
        None => {
            (probe.pass_message.clone().unwrap_or_else(|| format!("{}: all of it works", probe.title)), String::new())
        }
    };
    ProbeResult {
        probe: probe.name.clone(),
        status,
        message,
        hint,
        started_at,
        duration_ms: milliseconds(started.elapsed()),
        attempts,
        steps: verdict.steps,
    }
}

/// Something about an answer that is not as it should be.
struct Finding {
    status: ProbeStatus,
    message: String,
    hint: String,
}

impl Finding {
    fn broken(reason: Reason) -> Self {
        Self { status: ProbeStatus::Error, message: reason.message, hint: reason.hint.to_owned() }
    }

    fn failed(reason: Reason) -> Self {
        Self { status: ProbeStatus::Fail, message: reason.message, hint: reason.hint.to_owned() }
    }
}

/// What one attempt came to.
struct Verdict {
    /// The first of the worst findings, if there was any.
    finding: Option<Finding>,
    steps: Vec<StepTrace>,
}

impl Verdict {
    fn status(&self) -> ProbeStatus {
        status_of(self.finding.as_ref())
    }
}

fn status_of(finding: Option<&Finding>) -> ProbeStatus {
    finding.map_or(ProbeStatus::Pass, |finding| finding.status)
}

/// The worse of two findings, the earlier one where they are equally bad.
fn worse(earlier: Option<Finding>, later: Option<Finding>) -> Option<Finding> {
    if status_of(later.as_ref()) > status_of(earlier.as_ref()) { later } else { earlier }
}

async fn attempt(probe: &DeclaredProbe, target: &Target, connection: &Connection, deadline: Deadline) -> Verdict {
    let mut variables = variables::given(target);
    let mut redaction = Redaction::default();
    redaction.learn(target.secret.expose());

    let mut verdict = Verdict { finding: None, steps: Vec::new() };
    for step in &probe.steps {
        let started = Instant::now();
        let (finding, observed) = match connection.exchange(step, &variables, deadline).await {
            Ok(answer) => {
                let unextracted = extract(step, &answer, &mut variables, &mut redaction);
                let finding = worse(judge(step, &answer, &variables), unextracted);
                (worse(finding, slowness(step, &answer)), answer.observed(&redaction))
            }
            Err(no_answer) => {
                let mut finding = match no_answer {
                    NoAnswer::Broken(reason) => Finding::broken(reason),
                    NoAnswer::Failed(reason) => Finding::failed(reason),
                };
                finding.message = redaction.excerpt(&finding.message);
                let observed = format!("no answer: {}", finding.message);
                (Some(finding), observed)
            }
        };
        let status = status_of(finding.as_ref());
        verdict.steps.push(StepTrace {
            name: step.name.clone(),
            request: step.request(),
            expected: expected(step),
            observed,
            status,
            duration_ms: milliseconds(started.elapsed()),
        });
        verdict.finding = worse(verdict.finding, finding);
        // What comes after a failed step builds on it.
        if status >= ProbeStatus::Fail {
            break;
        }
    }
    verdict
}

/// Takes the step's variables out of the answer; tells of the first that is not there.
fn extract(step: &Step, answer: &Answer, variables: &mut Variables, redaction: &mut Redaction) -> Option<Finding> {
    let mut missing = None;
    for (name, path) in &step.extract {
        let text = path.query(&answer.body).exactly_one().ok().and_then(|value| match value {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::Bool(value) => Some(value.to_string()),
            _ => None,
        });
        if let Some(text) = text {
            redaction.learn_extracted(&text);
            variables.insert(name.clone(), text);
        } else if missing.is_none() {
            missing = Some(Finding {
                status: ProbeStatus::Fail,
                message: format!("the answer to {} has no `{name}` at {path}", step.request()),
                hint: "Compare the platform's answer with the probe's declaration.".to_owned(),
            });
        }
    }
    missing
}

/// The first of the worst assertions that do not hold. Those after a failed one are not asked: they build on it.
fn judge(step: &Step, answer: &Answer, variables: &Variables) -> Option<Finding> {
    let mut found = None;
    for assertion in &step.assertions {
        let finding = match assertion.judge(answer, variables) {
            Judgement::Holds => continue,
            Judgement::DoesNotHold => {
                let status = ProbeStatus::from(assertion.severity);
                let message = match status {
                    ProbeStatus::Warn => assertion.message.clone(),
                    _ => format!("{} ({} was answered with {})", assertion.message, step.request(), answer.status),
                };
                Finding { status, message, hint: assertion.hint.clone() }
            }
            Judgement::AnswerUnfit(reason) => Finding {
                status: ProbeStatus::Fail,
                message: format!("the answer to {} does not fit `{}`: {reason}", step.request(), assertion.that),
                hint: "Compare the platform's answer with the probe's declaration.".to_owned(),
            },
            Judgement::AssertionUnfit(reason) => Finding {
                status: ProbeStatus::Error,
                message: format!("the probe's assertion `{}` {reason}", assertion.that),
                hint: "Correct the probe's declaration.".to_owned(),
            },
        };
        let decided = finding.status >= ProbeStatus::Fail;
        found = worse(found, Some(finding));
        if decided {
            break;
        }
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
    Some(Finding {
        status,
        message: format!("{} took {} ms, more than {limit:?}", step.request(), milliseconds(answer.latency)),
        hint: "See why the platform is slow before members notice.".to_owned(),
    })
}

fn expected(step: &Step) -> String {
    step.assertions.iter().map(|assertion| assertion.that.as_str()).collect::<Vec<_>>().join("; ")
}
