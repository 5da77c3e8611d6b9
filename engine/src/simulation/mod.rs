//! A definition played in virtual time, before anybody is onboarded by it.
//!
//! The rules are those of [`crate::checklist::decide`]; made up is only what people, imports and probes do. What a
//! [`Script`] does not say is drawn from a seed, so that the same definition, script and seed always give the same
//! history. Calendars are not played: no weekends, no nightly checks.

mod chance;
mod forecast;
mod play;
mod script;

pub use forecast::{Forecast, StepForecast, forecast};
pub use play::{Moment, Played, play};
pub use script::{Outcome, Script, StepScript, TenantScript};
