//! YAML in which every value knows where it stands, so that a fault can be told with its line and column.
//!
//! What operators write (workflows, format profiles, probes) is read twice: once as a tree of [`Node`]s, on which every
//! fault is found at once, and once, when nothing is wrong, into the types of whoever owns the language. The tree, the
//! shapes that its values must have and the way a [`Fault`] is told are the same for every language and live here; what
//! a language means lives in its own room.

mod document;
mod expression;
mod fault;
mod shape;
mod suggestion;
mod tree;

pub use document::Document;
pub use expression::{DEEPEST_NESTING, LONGEST_EXPRESSION, is_too_large};
pub use fault::{Fault, render};
pub use shape::{Faults, Member, Shape, allowed, needed};
pub use suggestion::{did_you_mean, nearest};
pub use tree::{Node, Place, Value};
