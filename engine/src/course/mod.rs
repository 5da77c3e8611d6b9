//! The course for system administrators: what it consists of, where a learner stands, and who may sign for whom.
//!
//! Its text is the manual's; the front matter of a page says what the page is. A task's proof is looked for in the events of
//! the learner's own sandbox tenant, so that a tick says what happened and not what was claimed.

mod content;
mod decide;
mod evidence;
mod learner;
mod page;
#[cfg(test)]
mod properties;

pub use content::{Chapter, Checkpoint, Course, Scenario, Task};
pub use decide::{By, CourseCommand, CourseRefusal, decide, drawn};
pub use evidence::{EVENTS, missing};
pub use learner::{AutonomyDecision, CourseEvent, Learner, ScenarioRun, SignOff, Tick};
pub use page::{Page, Proof, Words};
