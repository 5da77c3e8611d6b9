//! The rules of tenant onboarding, and the only place that speaks SQL.
//!
//! Everything that decides is a pure function over state, command and time: [`checklist::decide`] flips steps
//! and gates, [`job::decide`] moves jobs, [`retrospective`] counts what the log says. The [`store`] keeps state,
//! events and job intents in one transaction, on SQLite and on Postgres.

pub mod checklist;
pub mod course;
pub mod definition;
pub mod facts;
pub mod hand_over;
pub mod import;
pub mod incident;
pub mod job;
pub mod log;
mod precision;
pub mod retrospective;
pub mod schedule;
pub mod simulation;
pub mod store;
