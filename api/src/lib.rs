//! The HTTP API and the `workbench` binary.
//!
//! Thin shells: [`http`] decodes requests, asks the engine and encodes answers; [`cli`] reads the command line;
//! [`daemon`] puts store, queue, workers and server together and takes them down again.

pub mod cli;
pub mod daemon;
mod definitions;
pub mod http;
mod sandbox_world;
mod shipped;
