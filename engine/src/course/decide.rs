//! Who may do what to a learner's progress, and what follows.

use sha2::{Digest, Sha256};

use super::content::Course;
use super::learner::{CourseEvent, Learner};
use crate::checklist::is_same_person;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// The name in the audit.
    pub name: &'a str,
    /// Whether they may sign.
    pub mentor: bool,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CourseCommand {
    /// The log shows that these tasks were done, and the drawn scenario's end state is there or not. Asked by the daemon.
    Observe {
        /// Ids of tasks.
        tasks: Vec<String>,
        /// Whether the scenario that was drawn last is solved.
        solved: bool,
    },
    /// Tick a task by hand.
    Declare {
        /// Its id.
        task: String,
    },
    /// Take that back.
    Withdraw {
        /// Its id.
        task: String,
    },
    /// Begin with a new sandbox.
    RenewSandbox,
    /// Draw a scenario.
    Draw {
        /// The log's last event by now.
        head: i64,
    },
    /// Sign a checkpoint.
    SignOff {
        /// Its id.
        checkpoint: String,
        /// What was good, what to practise.
        remark: String,
    },
    /// Take a signature back.
    Revoke {
        /// The checkpoint's id.
        checkpoint: String,
        /// Why.
        reason: String,
    },
    /// Decide about autonomy.
    Decide {
        /// What is decided.
        autonomous: bool,
        /// Why.
        reason: String,
    },
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CourseRefusal {
    /// Only the learner may do that.
    #[error("only `{learner}` may do this")]
    NotTheLearner {
        /// Whose progress it is.
        learner: String,
    },
    /// Only a mentor may do that.
    #[error("only somebody with the role `mentor` may do this")]
    NotAMentor,
    /// Nobody signs for themselves.
    #[error("nobody signs, draws or decides for themselves")]
    OneOwn,
    /// There is no such task or checkpoint.
    #[error("the course has no {what} `{id}`")]
    Unknown {
        /// Task or checkpoint.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The checkpoint cannot be signed yet.
    #[error("the checkpoint cannot be signed yet: {}", reasons.join("; "))]
    NotReady {
        /// What stands in the way, each in words.
        reasons: Vec<String>,
    },
    /// It is signed.
    #[error("the checkpoint is signed already")]
    Signed,
    /// It is not signed.
    #[error("the checkpoint is not signed")]
    NotSigned,
    /// A verified tick is not taken back.
    #[error("the log shows that the task was done; that cannot be taken back")]
    Verified,
    /// A remark or a reason is missing.
    #[error("`{field}` must not be empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
}

/// Decides what a command leads to.
pub fn decide(
    course: &Course,
    learner: &Learner,
    command: &CourseCommand,
    by: By<'_>,
) -> Result<Vec<CourseEvent>, CourseRefusal> {
    let own = || {
        if is_same_person(by.name, &learner.name) {
            return Ok(());
        }
        Err(CourseRefusal::NotTheLearner { learner: learner.name.clone() })
    };
    let mentor = || match by {
        By { mentor: false, .. } => Err(CourseRefusal::NotAMentor),
        By { name, .. } if is_same_person(name, &learner.name) => Err(CourseRefusal::OneOwn),
        _ => Ok(()),
    };
    let known_task =
        |id: &str| course.task(id).ok_or_else(|| CourseRefusal::Unknown { what: "task", id: id.to_owned() });
    let known_checkpoint = |id: &str| {
        course.checkpoint(id).ok_or_else(|| CourseRefusal::Unknown { what: "checkpoint", id: id.to_owned() })
    };
    match command {
        CourseCommand::Observe { tasks, solved } => {
            let new = tasks.iter().filter(|id| course.task(id).is_some_and(|task| !task.proof.is_empty()));
            let new = new.filter(|id| !learner.ticks.get(*id).is_some_and(|tick| tick.verified));
            let mut events: Vec<_> = new.map(|task| CourseEvent::CourseTaskVerified { task: task.clone() }).collect();
            if let Some(run) = learner.scenarios.last().filter(|run| *solved && run.solved_at.is_none()) {
                events.push(CourseEvent::CourseScenarioSolved { scenario: run.scenario.clone() });
            }
            Ok(events)
        }
        CourseCommand::Declare { task } => {
            own()?;
            known_task(task)?;
            Ok(match learner.ticks.get(task) {
                Some(_) => Vec::new(),
                None => vec![CourseEvent::CourseTaskDeclared { task: task.clone() }],
            })
        }
        CourseCommand::Withdraw { task } => {
            own()?;
            known_task(task)?;
            match learner.ticks.get(task) {
                None => Ok(Vec::new()),
                Some(tick) if tick.verified => Err(CourseRefusal::Verified),
                Some(_) => Ok(vec![CourseEvent::CourseTaskWithdrawn { task: task.clone() }]),
            }
        }
        CourseCommand::RenewSandbox => {
            own()?;
            Ok(vec![CourseEvent::CourseSandboxRenewed { sandbox: learner.sandbox.saturating_add(1) }])
        }
        CourseCommand::Draw { head } => {
            mentor()?;
            let scenario = drawn(course, learner)
                .ok_or_else(|| CourseRefusal::Unknown { what: "scenario", id: learner.name.clone() })?;
            Ok(vec![CourseEvent::CourseScenarioDrawn { scenario, after: *head }])
        }
        CourseCommand::SignOff { checkpoint, remark } => {
            mentor()?;
            let found = known_checkpoint(checkpoint)?;
            if learner.signed(checkpoint).is_some() {
                return Err(CourseRefusal::Signed);
            }
            let remark = filled("remark", remark)?;
            let reasons = learner.in_the_way(course, found);
            if !reasons.is_empty() {
                return Err(CourseRefusal::NotReady { reasons });
            }
            Ok(vec![CourseEvent::CourseCheckpointSigned { checkpoint: checkpoint.clone(), remark }])
        }
        CourseCommand::Revoke { checkpoint, reason } => {
            mentor()?;
            known_checkpoint(checkpoint)?;
            learner.signed(checkpoint).ok_or(CourseRefusal::NotSigned)?;
            let reason = filled("reason", reason)?;
            Ok(vec![CourseEvent::CourseCheckpointRevoked { checkpoint: checkpoint.clone(), reason }])
        }
        CourseCommand::Decide { autonomous, reason } => {
            mentor()?;
            let reason = filled("reason", reason)?;
            Ok(vec![CourseEvent::CourseAutonomyDecided { autonomous: *autonomous, reason }])
        }
    }
}

fn filled(field: &'static str, text: &str) -> Result<String, CourseRefusal> {
    match text.trim() {
        "" => Err(CourseRefusal::Empty { field }),
        text => Ok(text.to_owned()),
    }
}

/// The scenario that a learner gets next. Their name is the seed, so that nobody chooses; none comes twice before all have.
#[must_use]
pub fn drawn(course: &Course, learner: &Learner) -> Option<String> {
    let digest = Sha256::digest(learner.name.as_bytes());
    let seed = usize::from(u16::from_be_bytes([digest[0], digest[1]]));
    let count = course.scenarios.len();
    let at = seed.checked_add(learner.scenarios.len())?.checked_rem(count)?;
    course.scenarios.get(at).map(|scenario| scenario.id.clone())
}
