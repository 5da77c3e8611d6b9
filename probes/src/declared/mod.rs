//! Probes that are written down instead of programmed.
//!
//! A declaration is a YAML file. It has HTTP steps, each of which sends one request, hands on what it extracted from the
//! answer and judges the answer by assertions in CEL; or it has a command that keeps to the convention of monitoring
//! plugins. The language is documented in `docs/probes.md`.

mod check;
mod command;
mod compile;
mod declaration;
mod exchange;
mod judgement;
mod plugin;
mod redaction;
mod requests;
mod run;
mod schema;
mod span;
mod template;
mod variables;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use workbench_positions::{Document, Fault};

use crate::registry::{Probe, hexadecimal};
use crate::result::ProbeResult;
use crate::target::{Limits, Target};
use command::Command;
use declaration::Declaration;
use requests::Requests;
pub use schema::probe_schema;

/// The shipped declarations.
const SHIPPED: [(&str, &str); 3] = [
    ("sample_login.yaml", include_str!("../../../workflows/probes/sample_login.yaml")),
    ("sample_transaction.yaml", include_str!("../../../workflows/probes/sample_transaction.yaml")),
    ("sample_member_report.yaml", include_str!("../../../workflows/probes/sample_member_report.yaml")),
];

/// The shipped probes, in the order in which people read them.
pub(crate) fn shipped() -> Vec<DeclaredProbe> {
    let load = |(file, text): &(&str, &str)| {
        DeclaredProbe::load(file, text).expect("a shipped declaration is sound; a test reads them all")
    };
    SHIPPED.iter().map(load).collect()
}

/// A probe read from a declaration that was found sound.
#[derive(Debug)]
pub struct DeclaredProbe {
    name: String,
    title: String,
    timeout: Duration,
    /// Tries before a failure counts.
    attempts: usize,
    pass_message: Option<String>,
    manner: Manner,
    fingerprint: String,
}

/// How it is tried whether the platform works.
#[derive(Debug)]
enum Manner {
    Requests(Arc<Requests>),
    Command(Command),
}

impl DeclaredProbe {
    /// Loads a declaration. `file` names it in messages.
    ///
    /// # Errors
    /// Every fault that can be told at once, in order of place.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let document = Document::new(file, text, "a shipped probe");
        let root = document.tree()?;
        document.sound(check::check(&root))?;
        let declaration: Declaration = document.typed()?;
        let suggestion = || "Compare with a shipped probe.".to_owned();
        let unfit = |cause: String| vec![document.fault(root.at, "invalid_value", cause, suggestion())];
        let manner = if let Some(command) = Command::compile(&declaration).map_err(unfit)? {
            Manner::Command(command)
        } else {
            let steps = |steps: Vec<_>| steps.into_iter().map(compile::step).collect::<Result<_, _>>();
            let (steps, cleanup) = (steps(declaration.steps), steps(declaration.cleanup));
            Manner::Requests(Arc::new(Requests { steps: steps.map_err(unfit)?, cleanup: cleanup.map_err(unfit)? }))
        };
        Ok(Self {
            name: declaration.name,
            title: declaration.title,
            timeout: span::parse(&declaration.timeout).map_err(unfit)?,
            attempts: usize::try_from(declaration.attempts).unwrap_or(usize::MAX),
            pass_message: declaration.pass_message,
            manner,
            fingerprint: hexadecimal(&Sha256::digest(text)),
        })
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

    fn needs_secret(&self) -> bool {
        match &self.manner {
            Manner::Requests(requests) => requests.use_secret(),
            Manner::Command(command) => command.uses_secret(),
        }
    }

    /// A hash of the declaration's text.
    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}
