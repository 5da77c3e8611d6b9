//! Health probes: does a tenant's platform really work, before its go-live depends on it?
//!
//! A checklist that says "configured" proves nothing; a member who logs in, a transaction that goes through and a
//! report with members in it do. A [`Probe`] does one of these things against the tenant's platform and says what
//! came of it as a [`ProbeResult`]; [`HealthProbes`] runs a set of them and [`aggregate`] makes one verdict of
//! their statuses. The shipped probes are [`declared`] in YAML rather than written in Rust, so that an operator can
//! read what they do and add to them. The [`sandbox`] is a small platform for them to run against where there is
//! no real one, as on a fresh machine or in training.
//!
//! Probes are told addresses by people and are run from inside the operator's network, so every connection passes
//! an [`AddressPolicy`], and they hold credentials, so everything they report passes a redaction.

mod address;
mod certificates;
mod cleaning;
pub mod declared;
mod flapping;
pub mod process;
mod registry;
mod result;
pub mod sandbox;
mod status;
mod target;
mod turns;

pub use address::{AddressPolicy, NotResolved, Refused};
pub use cleaning::cleaned_up;
pub use flapping::{Flapping, flapping};
pub use registry::{HealthProbes, Probe};
pub use result::{EarlierAttempt, Measure, ProbeResult, StepTrace};
pub use status::{Aggregate, ProbeStatus, UnknownStatus, aggregate};
pub use target::{Limits, Secret, Target};
pub use turns::Concurrency;
