//! The HTTP API and the `workbench` binary.
//!
//! Thin shells: [`http`] decodes requests, asks the engine and encodes answers; [`cli`] reads the command line;
//! [`backup`] takes and restores backups; [`daemon`] puts store, queue, workers and server together and takes them down again.

pub mod backup;
pub mod cli;
pub mod daemon;
mod definitions;
mod demo;
pub mod http;
mod manual;
mod sandbox_world;
mod shipped;
