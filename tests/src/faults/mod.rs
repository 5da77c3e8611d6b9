//! Faults on purpose, while people work: real processes, real servers, and afterwards a judge who trusts none of them.
//!
//! A stage has the processes of one pair of store and queue. In a run, traffic sends commands that a seed draws and
//! keeps a book of what it was told; one [`Fault`] is done and undone; once everything has come to rest, the judge compares
//! the book with the database and with the sandbox platform's own log. What a run found is a line of a [`report`].

mod checker;
mod fault;
pub mod report;
mod run;
mod stage;
mod traffic;

pub use checker::Verdict;
pub use fault::{Done, Fault};
pub use run::{Finding, Play};
pub use stage::Pair;
