//! Whether onboarding gets faster, and which step slips: pure functions over what the log says.
//!
//! [`times`] folds a checklist's events into its times, [`cohorts`] says which belong together, and [`report`] counts
//! them. The estimators stand beside: [`order_statistics`], [`survival`], [`incidence`], [`shift`]; [`verdict`] puts a
//! comparison into words, [`process_change`] compares before and after, and [`slips`] names the steps. [`forecast`] says when those in flight will be live, and
//! [`back_test`] how far it can be believed. Nothing here knows the store, and nothing takes a time or a
//! random number by itself.

pub mod back_test;
pub mod cohorts;
pub mod forecast;
pub mod incidence;
pub mod order_statistics;
pub mod process_change;
pub mod report;
pub mod shift;
pub mod slips;
pub mod survival;
pub mod times;
pub mod verdict;

mod normal;

#[cfg(test)]
mod cautions;
#[cfg(test)]
mod fixture;
