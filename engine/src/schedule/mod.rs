//! When something is to happen by the calendar, and what of it happens after a pause or a breakdown.
//!
//! All of it is pure: an expression and a zone give fire times, a policy and a time give what is caught up, a seed
//! gives the delay. The store keeps how far each clock was followed, so that any number of daemons fire once.

mod calendar;
mod catch_up;
mod fire_times;
mod jitter;
#[cfg(test)]
mod properties;

pub use calendar::{Calendar, CalendarError};
pub use catch_up::{Due, ON_TIME, due};
pub use jitter::delay;
