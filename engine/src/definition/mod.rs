//! Workflow definitions: what operators write in `workflows/*.yaml`.

pub(crate) mod condition;
pub mod duration;
mod fault;
mod load;
mod model;

pub use fault::{Fault, render};
pub use load::{Known, Loaded, load};
pub use model::*;

/// Schema.
pub fn json_schema() -> serde_json::Value { serde_json::to_value(schemars::schema_for!(Definition)).unwrap_or_default() }
