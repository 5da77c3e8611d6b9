//! The checklist: its state, the commands it accepts, the events it answers with.
//!
//! [`decide`] is the only place where a step changes its status. It is pure: the same checklist, evidence,
//! command and time always give the same events, and folding the events of a checklist gives its state. The
//! store, the HTTP shell and the jobs only carry what is decided here.

mod decide;
mod event;
mod refusal;
mod rules;
mod state;
mod waiver;

pub use decide::{Command, StepPatch, decide, open};
pub use event::{Event, JobRequest, OpenedStep};
pub use refusal::{Reason, Refusal};
pub use rules::{RULES, Rule, table};
pub use state::{Checklist, Step, StepStatus};
pub use waiver::{LONGEST, Waiver, WaiverProposal, WaiverState, is_same_person};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod waiver_properties;
