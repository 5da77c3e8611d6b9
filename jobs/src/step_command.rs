//! Runs the program that a workflow's step names.
//!
//! Programs are taken from one folder that the operator of the process has named, so that whoever may write workflows
//! cannot run whatever the machine has. A job may be attempted more than once, also after a program that did all its work:
//! the job's id is the same in every attempt, for programs that must not do a thing twice.

use std::path::Path;

use chrono::Utc;
use tokio::process::Command;
use tokio::time::Instant;
use workbench_engine::checklist;
use workbench_engine::definition::{StepJobName, is_program};
use workbench_engine::job::{Job, JobCommand};
use workbench_engine::log::Actor;
use workbench_engine::store::Tenant;
use workbench_probes::process::{self, How};

use crate::Context;
use crate::attempt::Failure;

/// Where a program finds others.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How much of what a program said is kept, in characters.
const SAID: usize = 300;

/// Runs the job.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let step_id = job.step_id.as_deref().unwrap_or_default();
    let checklist = context.store.checklist_of(&job.tenant_id).await?;
    let definition = context.store.definition(&checklist.workflow, checklist.version).await?;
    let of_checklist = job.checklist_id.as_deref() == Some(checklist.id.as_str());
    let wanted = definition.step(step_id).and_then(|step| step.job.as_ref());
    let Some(wanted) = wanted.filter(|wanted| of_checklist && wanted.name == StepJobName::Command) else {
        let hint = "Cancel the job; the onboarding or its workflow has changed.";
        return Err(permanent(
            "step_gone",
            format!("there is no program to run for the step `{step_id}` any more"),
            hint,
        ));
    };
    if checklist.step(step_id).is_none_or(|step| step.status.is_closed()) {
        let message = format!("the step `{step_id}` is closed already");
        return Err(permanent("step_closed", message, "Reopen the step if its program shall run again."));
    }
    let Some(folder) = &context.settings.commands else {
        let message = "this process runs no programs for steps".to_owned();
        let hint = "Start the daemon and every worker with `--commands DIR`, then retry the job.";
        return Err(permanent("commands_off", message, hint));
    };
    let tenant = context.store.tenant(&job.tenant_id).await?;
    let Some((program, arguments)) = wanted.run.split_first().filter(|(program, _)| is_program(program)) else {
        return Err(permanent("bad_program", "the step names no program".to_owned(), "Mend the workflow."));
    };
    let command = command(&folder.join(program), arguments, &tenant, job);
    let ended = process::run(command, Instant::now() + wanted.program_timeout()).await.map_err(|error| {
        let hint =
            "Put the program into the folder of `--commands` on every machine that runs jobs, then retry the job.";
        permanent("program_not_started", format!("`{program}` could not be started: {error}"), hint)
    })?;
    let said = [&ended.stderr, &ended.stdout].into_iter().map(|said| last_line(said)).find(|line| !line.is_empty());
    let said = said.map(|line| format!(": {line}")).unwrap_or_default();
    match ended.how {
        How::Code(0) => {}
        How::Code(code) => return Err(Failure::Retryable(format!("`{program}` ended with {code}{said}"))),
        How::Signal(signal) => {
            return Err(Failure::Retryable(format!("`{program}` was ended by signal {signal}{said}")));
        }
        How::Late => {
            let limit = wanted.program_timeout();
            return Err(Failure::Retryable(format!("`{program}` did not end within {limit:?}{said}")));
        }
    }
    let mut tx = context.store.begin(&Actor::workbench(), Utc::now()).await?;
    tx.command_job(&job.id, &JobCommand::Succeed { attempt: job.attempt }).await?;
    tx.decide_if_onboarding(&job.tenant_id, &checklist::Command::EvidenceChanged).await?;
    tx.commit().await?;
    Ok(())
}

/// A program knows what it is run for, and nothing of the environment of the process that runs it.
fn command(program: &Path, arguments: &[String], tenant: &Tenant, job: &Job) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir("/")
        .env_clear()
        .env("PATH", PATH)
        .env("WORKBENCH_TENANT", &tenant.id)
        .env("WORKBENCH_TENANT_NAME", &tenant.name)
        .env("WORKBENCH_COUNTRY", &tenant.country)
        .env("WORKBENCH_KIND", &tenant.kind)
        .env("WORKBENCH_STEP", job.step_id.as_deref().unwrap_or_default())
        .env("WORKBENCH_JOB", &job.id)
        .env("WORKBENCH_ATTEMPT", job.attempt.to_string());
    command
}

fn permanent(code: &str, message: String, hint: &str) -> Failure {
    Failure::Permanent { code: code.to_owned(), message, hint: hint.to_owned() }
}

/// The last line that says something, shortened.
fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(SAID).collect()
}
