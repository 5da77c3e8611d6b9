//! Plausible histories for trying the retrospective out, with a truth that is known.
//!
//! [`story`] draws what happens, from a seed and a scenario; [`play`] carries it out through the same transactions as the
//! daemon, dated in the past. So everything that is derived from the log is as real as can be, and statistics can be held
//! against what was drawn.

pub mod play;
pub mod story;
