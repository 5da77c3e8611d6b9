//! The workflows that ship with the binary, and those of the operator.

use std::path::Path;

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use workbench_engine::definition::{Known, Loaded, load, render};

const SHIPPED: [(&str, &str); 2] = [
    ("tenant-onboarding.yaml", include_str!("../../workflows/tenant-onboarding.yaml")),
    ("club-onboarding.yaml", include_str!("../../workflows/club-onboarding.yaml")),
];

/// The shipped workflows, replaced and added to by those of a folder. Every fault of every file is reported at
/// once.
pub fn workflows(folder: Option<&Path>, known: &Known) -> Result<Vec<Loaded>> {
    let mut sources: Vec<(String, String)> =
        SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    if let Some(folder) = folder {
        let entries = std::fs::read_dir(folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("the workflows' folder `{}` cannot be read", folder.display()))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
        paths.sort();
        for path in paths {
            let text = std::fs::read_to_string(&path)
                .into_diagnostic()
                .wrap_err_with(|| format!("`{}` cannot be read", path.display()))?;
            sources.push((path.display().to_string(), text));
        }
    }
    let mut loaded: Vec<Loaded> = Vec::new();
    let mut faults = Vec::new();
    for (name, text) in sources {
        match load(&name, &text, known) {
            Ok(workflow) => {
                loaded.retain(|other| other.definition.name != workflow.definition.name);
                loaded.push(workflow);
            }
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(loaded) } else { Err(miette!("the workflows have faults:\n{}", render(&faults))) }
}
