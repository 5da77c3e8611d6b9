//! Probes and the sandbox over real sockets.

mod cleaning;
mod commands;
mod declarations;
mod documentation;
mod guard;
mod limits;
mod registry;
mod sandbox;
mod serving;
mod verdicts;
