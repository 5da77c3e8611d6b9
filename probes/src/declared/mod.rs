//! Probes that are written down instead of programmed.
//!
//! A declaration is a YAML file with HTTP steps. Each step sends one request, hands on what it extracted from the
//! answer and judges the answer by assertions in CEL over `status`, `body`, `headers`, `latency_ms` and `vars`:
//!
//! ```yaml
//! name: sample_login
//! title: Sample login
//! timeout: 15s          # the whole probe; 15s unless said otherwise
//! attempts: 2           # tries before a failure counts; 1 unless said otherwise
//! pass_message: the probe account logged in
//! steps:
//!   - name: log in
//!     request:
//!       method: POST
//!       path: /login    # appended to the tenant's platform address
//!       json: { user: "{{user}}", password: "{{secret}}" }
//!     extract: { token: $.token }   # for later steps, as {{token}}
//!     assert:
//!       - that: status == 200
//!         severity: fail            # or warn
//!         message: the platform refused the login
//!         hint: Check the probe account.
//!     slow: { warn: 2s, fail: 10s }
//! ```
//!
//! `{{user}}`, `{{secret}}` and `{{tenant_id}}` are always there. An assertion that cannot be evaluated, because
//! the answer lacks what it asks for, fails whatever its severity: nothing has been proven then. `body` is the
//! answer's JSON, or its text where it is none; header names are in lower case.

mod check;
mod declaration;
mod exchange;
mod judgement;
mod redaction;
mod run;
mod span;
mod template;

use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::registry::{Probe, hexadecimal};
use crate::result::ProbeResult;
use crate::target::{Limits, Target};
use check::Step;

/// The shipped declarations.
const SHIPPED: [&str; 3] = [
    include_str!("../../../workflows/probes/sample_login.yaml"),
    include_str!("../../../workflows/probes/sample_transaction.yaml"),
    include_str!("../../../workflows/probes/sample_member_report.yaml"),
];

/// The shipped probes, in the order in which people read them.
pub(crate) fn shipped() -> Vec<DeclaredProbe> {
    SHIPPED
        .iter()
        .map(|yaml| DeclaredProbe::parse(yaml).expect("a shipped declaration is sound; a test reads them all"))
        .collect()
}

/// Why a declaration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// It is no YAML, or not of the shape of a declaration.
    #[error("the declaration cannot be read: {0}")]
    Unreadable(String),
    /// It can be read but makes no sense; every fault that was found, each with its place.
    #[error("the declaration of probe `{probe}` has faults: {}", faults.join("; "))]
    Unsound {
        /// Name of the probe.
        probe: String,
        /// One line per fault.
        faults: Vec<String>,
    },
}

/// A probe read from a declaration that was found sound.
#[derive(Debug)]
pub struct DeclaredProbe {
    name: String,
    title: String,
    timeout: Duration,
    attempts: u32,
    pass_message: Option<String>,
    steps: Vec<Step>,
    fingerprint: String,
}

impl DeclaredProbe {
    /// Reads a declaration and checks everything in it that can be checked before it is run.
    pub fn parse(yaml: &str) -> Result<Self, DeclarationError> {
        let declaration: declaration::Declaration =
            serde_saphyr::from_str(yaml).map_err(|error| DeclarationError::Unreadable(error.to_string()))?;
        let fingerprint = hexadecimal(&Sha256::digest(yaml));
        check::check(declaration, fingerprint)
    }

    /// What people see.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }
}

#[async_trait]
impl Probe for DeclaredProbe {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, target: &Target, limits: &Limits) -> ProbeResult {
        run::run(self, target, limits).await
    }

    /// A hash of the declaration's text.
    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}
