//! A probe that is a program: what monitoring plugins do for other tools, they do for this one.

use std::env;
use std::ffi::OsString;
use std::time::Instant;

use tokio::time::Instant as Deadline;

use super::exchange::{self, NoAnswer, Reason};
use super::redaction::Redaction;
use super::template::Template;
use super::variables::{self, ADDRESS, HOST, PLACE, PORT, SECRET, URL, Variables};
use super::verdict::{Finding, Verdict, status_of};
use super::{declaration::Declaration, plugin};
use crate::process::{self, Ended, How};
use crate::result::{Measure, StepTrace, milliseconds};
use crate::status::ProbeStatus;
use crate::target::{Limits, Target};

const START_HINT: &str = "Check on the machine of the daemon or worker that the program is there and may be run, and the probe's declaration.";
const CODE_HINT: &str = "Use a program that ends with 0, 1, 2 or 3, as monitoring plugins do.";
const HAND_HINT: &str = "Run the command by hand to see more of what it says.";

/// A program with its arguments and its environment.
#[derive(Debug)]
pub(super) struct Command {
    program: String,
    arguments: Vec<Template>,
    environment: Vec<(String, Template)>,
    inherit: Vec<String>,
    hint: Option<String>,
    /// As declared, for showing.
    shown: String,
}

impl Command {
    /// Takes the command out of a declaration; none where it has none. The error says what the check should have found.
    pub(super) fn compile(declaration: &Declaration) -> Result<Option<Self>, String> {
        let Some((program, arguments)) = declaration.command.split_first() else { return Ok(None) };
        let environment =
            declaration.environment.iter().map(|(name, value)| Ok((name.clone(), Template::parse(value)?)));
        Ok(Some(Self {
            program: program.clone(),
            arguments: arguments.iter().map(|text| Template::parse(text)).collect::<Result<_, _>>()?,
            environment: environment.collect::<Result<_, String>>()?,
            inherit: declaration.inherit.clone(),
            hint: declaration.hint.clone(),
            shown: declaration.command.join(" "),
        }))
    }

    /// Whether it hands the secret to its program.
    pub(super) fn uses_secret(&self) -> bool {
        let templates = self.arguments.iter().chain(self.environment.iter().map(|(_, value)| value));
        templates.flat_map(Template::variables).any(|name| name == SECRET)
    }

    /// Runs it once.
    pub(super) async fn attempt(&self, target: &Target, limits: &Limits, deadline: Deadline) -> Verdict {
        let mut variables = variables::given(target);
        let mut redaction = Redaction::default();
        if let Some(secret) = &target.secret {
            redaction.learn(secret.expose());
        }
        // What is the daemon's own in its environment is not for everybody who reads results.
        let ours = self.inherit.iter().filter(|name| name.starts_with("WORKBENCH_"));
        for value in ours.filter_map(|name| std::env::var(name).ok()) {
            redaction.learn_extracted(&value);
        }
        let started = Instant::now();
        let (finding, said) = match self.prepare(&mut variables, target, limits, deadline).await {
            Err(finding) => (Some(finding), Said::default()),
            Ok(command) => match process::run(command, deadline).await {
                Err(error) => {
                    let message = format!("`{}` could not be started: {error}", self.program);
                    (Some(Finding::new(ProbeStatus::Error, message, START_HINT)), Said::default())
                }
                Ok(ended) => {
                    let said = Said::read(&ended, &redaction);
                    (self.judge(ended.how, &said), said)
                }
            },
        };
        let trace = StepTrace {
            name: "command".to_owned(),
            request: self.shown.clone(),
            expected: "exit code 0".to_owned(),
            observed: match &finding {
                Some(finding) if said.how.is_empty() => redaction.excerpt(&finding.message),
                _ => redaction.excerpt(&format!("{} {} {}", said.how, said.text, said.more)),
            },
            status: status_of(finding.as_ref()),
            duration_ms: milliseconds(started.elapsed()),
        };
        Verdict {
            finding,
            said: Some(said.text).filter(|text| !text.is_empty()),
            steps: vec![trace],
            measures: said.measures,
        }
    }

    /// Fills the variables in.
    async fn prepare(
        &self,
        variables: &mut Variables,
        target: &Target,
        limits: &Limits,
        deadline: Deadline,
    ) -> Result<tokio::process::Command, Finding> {
        let used = self.arguments.iter().chain(self.environment.iter().map(|(_, value)| value));
        if used.flat_map(Template::variables).any(|name| PLACE.contains(&name)) {
            place(variables, target, limits, deadline).await?;
        }
        let mut command = tokio::process::Command::new(&self.program);
        command.current_dir("/").env_clear();
        for argument in &self.arguments {
            let text = argument.render(variables, str::to_owned);
            // A tenant's name for its account must not turn into an option of the program.
            if argument.begins_with_variable() && text.starts_with('-') {
                let message = "an argument of the command would begin with `-`, which programs take for an option";
                return Err(Finding::new(ProbeStatus::Error, message, "Correct the tenant's settings."));
            }
            command.arg(text);
        }
        let inherited = self.inherit.iter().filter_map(|name| Some((name.into(), env::var_os(name)?)));
        let filled = self
            .environment
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value.render(variables, str::to_owned))));
        command.envs(inherited.chain(filled).collect::<Vec<(OsString, OsString)>>());
        Ok(command)
    }

    fn judge(&self, how: How, said: &Said) -> Option<Finding> {
        let or_else = |fallback: String| if said.text.is_empty() { fallback } else { said.text.clone() };
        let hint = self.hint.clone().unwrap_or_else(|| HAND_HINT.to_owned());
        let silent = |code| or_else(format!("the command ended with {code} and said nothing"));
        Some(match how {
            How::Code(0) => return None,
            How::Code(1) => Finding::new(ProbeStatus::Warn, silent(1), hint),
            How::Code(2) => Finding::new(ProbeStatus::Fail, silent(2), hint),
            How::Code(3) => Finding::new(ProbeStatus::Error, silent(3), hint),
            How::Code(code) => {
                let message = or_else("it said nothing".to_owned());
                let message = format!("the command ended with {code}, which is no verdict: {message}");
                Finding::new(ProbeStatus::Error, message, CODE_HINT)
            }
            How::Signal(signal) => {
                let message = format!("the command was ended by signal {signal}");
                Finding::new(ProbeStatus::Error, message, HAND_HINT)
            }
            How::Late => {
                let message = "the command did not end within the probe's time";
                Finding::new(ProbeStatus::Fail, message, exchange::SLOW_HINT)
            }
        })
    }
}

/// Where the tenant's platform is, once probes may go there.
async fn place(variables: &mut Variables, target: &Target, limits: &Limits, deadline: Deadline) -> Result<(), Finding> {
    let broken = |reason: Reason| Finding::broken(reason);
    exchange::fit(&target.base_url).map_err(broken)?;
    let address = exchange::resolve(&target.base_url, &limits.allow, deadline).await.map_err(|error| match error {
        NoAnswer::Broken(reason) => Finding::broken(reason),
        NoAnswer::Failed(reason) => Finding::failed(reason),
    })?;
    let host = target.base_url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = target.base_url.port_or_known_default().unwrap_or_default();
    for (name, value) in [
        (URL, target.base_url.to_string()),
        (HOST, host.to_owned()),
        (PORT, port.to_string()),
        (ADDRESS, address.to_string()),
    ] {
        variables.insert(name.to_owned(), value);
    }
    Ok(())
}

/// What a program said, without secrets.
#[derive(Default)]
struct Said {
    how: String,
    text: String,
    more: String,
    measures: Vec<Measure>,
}

impl Said {
    fn read(ended: &Ended, redaction: &Redaction) -> Self {
        let (text, more, mut measures) = plugin::read(&String::from_utf8_lossy(&ended.stdout));
        // A program that fails before it has anything to say often says so on the other channel.
        let text = if text.is_empty() {
            String::from_utf8_lossy(&ended.stderr).lines().next().unwrap_or_default().to_owned()
        } else {
            text
        };
        for measure in &mut measures {
            measure.label = redaction.excerpt(&measure.label);
            measure.unit = redaction.excerpt(&measure.unit);
            for range in [&mut measure.warn, &mut measure.crit].into_iter().flatten() {
                *range = redaction.excerpt(range);
            }
        }
        let how = match ended.how {
            How::Code(code) => format!("exit code {code}:"),
            How::Signal(signal) => format!("ended by signal {signal}:"),
            How::Late => "killed for being late:".to_owned(),
        };
        Self { how, text: redaction.excerpt(&text), more, measures }
    }
}
