//! The workflows, format profiles and probes that ship with the binary, and those of the operator.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use workbench_engine::definition::{Known, Loaded, load, render};
use workbench_importer::Profile;
use workbench_jobs::Channels;
use workbench_probes::declared::DeclaredProbe;
use workbench_probes::{HealthProbes, Probe as _};

use crate::http::Capability;

const SHIPPED: [(&str, &str); 3] = [
    ("tenant-onboarding.yaml", include_str!("../../workflows/tenant-onboarding.yaml")),
    ("club-onboarding.yaml", include_str!("../../workflows/club-onboarding.yaml")),
    ("guide-10.yaml", include_str!("../../workflows/guide-10.yaml")),
];

/// The file of a folder of workflows that declares notification channels.
const CHANNELS: &str = "notifications.yaml";

/// Whether a file is one of notification channels, whatever is in it.
pub fn is_of_channels(path: &str) -> bool {
    Path::new(path).file_name().is_some_and(|name| name == CHANNELS)
}

/// The shipped workflow of this name: its file's name and its text.
pub fn workflow(name: &str) -> Option<(&'static str, &'static str)> {
    SHIPPED.into_iter().find(|(file, _)| file.strip_suffix(".yaml") == Some(name))
}

/// What workflows may refer to here.
pub fn known(probes: &HealthProbes) -> Known {
    Known {
        probes: probes.names().into_iter().map(str::to_owned).collect(),
        approvals: Capability::ALL.map(|capability| capability.as_str().to_owned()).to_vec(),
    }
}

/// The shipped workflows, replaced and added to by those of a folder. Every fault of every file is reported at
/// once.
pub fn workflows(folder: Option<&Path>, known: &Known) -> Result<Vec<Loaded>> {
    let mut sources: Vec<(String, String)> =
        SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    if let Some(folder) = folder {
        sources.extend(yaml_files(folder)?.into_iter().filter(|(path, _)| !is_of_channels(path)));
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

/// The shipped format profiles, replaced and added to by those in the folder `formats` of the workflows' folder. Every
/// fault of every file is reported at once.
pub fn profiles(folder: Option<&Path>) -> Result<Vec<Arc<Profile>>> {
    let mut loaded = Profile::shipped().to_vec();
    let mut faults = Vec::new();
    let formats = folder.map(|folder| folder.join("formats")).filter(|formats| formats.is_dir());
    for (name, text) in formats.map(|formats| yaml_files(&formats)).transpose()?.unwrap_or_default() {
        match Profile::load(&name, &text) {
            Ok(profile) => {
                loaded.retain(|other| other.name() != profile.name());
                loaded.push(Arc::new(profile));
            }
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(loaded) } else { Err(miette!("the format profiles have faults:\n{}", render(&faults))) }
}

/// The binary's own `probes`, replaced and added to by those in the folder `probes` of the workflows' folder. Every fault of
/// every file is reported at once, and so are two files that declare one probe: which of them counts must not depend on
/// their names.
pub fn probes(mut probes: HealthProbes, folder: Option<&Path>) -> Result<HealthProbes> {
    let (mut faults, mut declared_in) = (Vec::new(), BTreeMap::new());
    for (file, text) in folder.map(probe_files).transpose()?.unwrap_or_default() {
        match DeclaredProbe::load(&file, &text) {
            Ok(probe) => {
                if let Some(other) = declared_in.insert(probe.name().to_owned(), file.clone()) {
                    return Err(miette!(
                        help = "Rename one of the two, or take one of the files away.",
                        "the probe `{}` is declared in `{other}` and in `{file}`",
                        probe.name()
                    ));
                }
                probes.add(Arc::new(probe));
            }
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(probes) } else { Err(miette!("the probes have faults:\n{}", render(&faults))) }
}

/// The probes' files in a folder of workflows; none where it has no folder `probes`.
pub fn probe_files(folder: &Path) -> Result<Vec<(String, String)>> {
    let probes = folder.join("probes");
    if probes.is_dir() { yaml_files(&probes) } else { Ok(Vec::new()) }
}

/// The notification channels declared in `notifications.yaml` of the workflows' folder; none where it has no such file.
/// Every fault is reported at once, and so is every secret that cannot be used: it would be missed on the night that it
/// is needed.
pub fn channels(folder: Option<&Path>, secrets: Option<&Path>) -> Result<Channels> {
    let Some(path) = folder.map(|folder| folder.join(CHANNELS)).filter(|path| path.exists()) else {
        return Ok(Channels::default());
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(&path).into_diagnostic().wrap_err_with(|| format!("`{name}` cannot be read"))?;
    let channels = Channels::load(&name, &text)
        .map_err(|faults| miette!("the notification channels have faults:\n{}", render(&faults)))?;
    channels.try_secrets(secrets).map_err(|wrong| {
        miette!(
            help = workbench_jobs::NOTIFICATION_SECRET_FORMS,
            "the notification channels cannot use their secrets:\n{}",
            wrong.join("\n")
        )
    })?;
    Ok(channels)
}

/// The YAML files of a folder with their texts, in order of name.
fn yaml_files(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries = std::fs::read_dir(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("the folder `{}` cannot be read", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{}` cannot be read", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    paths.iter().map(read).collect()
}
