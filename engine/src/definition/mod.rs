//! Workflow definitions: what operators write in `workflows/*.yaml`.
//!
//! [`load`] reads a file twice: once as a tree in which every value knows its line and column, which is checked as
//! a whole so that every fault is reported at once, and once, when nothing is wrong, into a [`Definition`].

mod change;
mod check;
pub(crate) mod condition;
mod cycles;
mod drawing;
pub mod duration;
mod load;
mod model;
mod names;
mod reference;
mod schedule;
mod schema;

pub use change::Change;
pub use check::is_program;
pub use drawing::{dot, mermaid};
pub(crate) use load::read_stored;
pub use load::{Known, Loaded, load};
pub use model::{
    Condition, Definition, Due, Gate, Retry, StepDefinition, StepJob, StepJobName, StepJobStart, StepKind,
};
pub use reference::reference;
pub use schedule::{CatchUp, CatchUpPolicy, Overlap, ScheduleDefinition, ScheduledJob, TENANT_ZONE};
pub use schema::json_schema;
pub use workbench_positions::{Fault, render};

#[cfg(test)]
mod gallery;
