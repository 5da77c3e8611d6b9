//! Resolves references to the probes' secrets. The value goes to the probe and nowhere else.
//!
//! Whoever opens an onboarding names the secret and the address that it is sent to. A reference can therefore only
//! reach what the operator has set aside for probes: variables with a prefix of their own, and the files of one
//! folder.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use workbench_probes::Secret;

/// How the names of variables with probes' secrets begin.
const PREFIX: &str = "WORKBENCH_PROBE_";
/// Variables of that prefix that configure the daemon.
const SETTINGS: [&str; 3] = ["WORKBENCH_PROBE_ALLOW", "WORKBENCH_PROBE_SECRETS", "WORKBENCH_PROBE_TIMEOUT"];
/// Longest name of a variable or a file.
const LONGEST_NAME: usize = 128;
/// Longest secret, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;
/// What would be right.
pub const FORMS: &str = "Use `env:WORKBENCH_PROBE_NAME`, or `file:NAME` for a file of the folder that the operator \
                         gave as `--probe-secrets`; secrets themselves are never stored.";

/// Where a probes' secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// An environment variable of the process that runs the probes.
    Variable(String),
    /// A file of the operator's folder.
    File(String),
}

impl SecretReference {
    /// Reads a reference; none where it is no reference that probes may use. The text must then not be shown: it may
    /// be the secret itself.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        if name.len() > LONGEST_NAME {
            return None;
        }
        match kind {
            "env" => {
                let own = name.strip_prefix(PREFIX)?;
                let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                let free = !own.is_empty() && own.chars().all(fits) && !SETTINGS.contains(&name);
                free.then(|| Self::Variable(name.to_owned()))
            }
            "file" => {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                let plain = !name.is_empty() && name.chars().all(fits);
                let inside = !name.starts_with('.') && !name.contains("..");
                (plain && inside).then(|| Self::File(name.to_owned()))
            }
            _ => None,
        }
    }

    /// The secret; an error names the reference, never a value or a path.
    pub fn resolve(&self, folder: Option<&Path>) -> Result<Secret, String> {
        match self {
            Self::Variable(name) => std::env::var(name)
                .map(Secret::new)
                .map_err(|_| format!("the environment variable `{name}` that holds the probes' secret is not set")),
            Self::File(name) => {
                let folder = folder.ok_or_else(|| {
                    format!("`file:{name}` holds the probes' secret, but no folder was given as `--probe-secrets`")
                })?;
                read(folder, name)
                    .map(|text| Secret::new(text.trim_end()))
                    .map_err(|error| format!("the file `{name}` with the probes' secret could not be read: {error}"))
            }
        }
    }
}

/// Reads a file of a folder. A link within the folder is followed, as mounted secrets are made of them; one that
/// leaves it is not.
fn read(folder: &Path, name: &str) -> Result<String, Error> {
    let folder = folder.canonicalize()?;
    let path: PathBuf = folder.join(name).canonicalize()?;
    if !path.starts_with(&folder) {
        return Err(Error::new(ErrorKind::PermissionDenied, "it is a link that leaves the folder of secrets"));
    }
    // Asked before it is opened: opening a pipe waits for somebody to write.
    if !path.metadata()?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST_SECRET).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_aside_for_probes_can_be_named() {
        let variable = |name: &str| Some(SecretReference::Variable(name.to_owned()));
        assert_eq!(SecretReference::parse("env:WORKBENCH_PROBE_SVBF"), variable("WORKBENCH_PROBE_SVBF"));
        assert_eq!(SecretReference::parse("file:svbf.txt"), Some(SecretReference::File("svbf.txt".to_owned())));
        for refused in [
            "hunter2",
            "env:",
            "env:HOME",
            "env:WORKBENCH_TOKEN",
            "env:WORKBENCH_PROBE_",
            "env:WORKBENCH_PROBE_ALLOW",
            "env:WORKBENCH_PROBE_a=b",
            "file:",
            "file:.",
            "file:..",
            "file:.hidden",
            "file:a..b",
            "file:/etc/passwd",
            "file:workbench-data/token",
            "file:..\\token",
            "file:a\0b",
            "http:example",
        ] {
            assert_eq!(SecretReference::parse(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn an_error_names_the_reference() {
        let missing = SecretReference::Variable("WORKBENCH_PROBE_NO_SUCH_VARIABLE".to_owned()).resolve(None);
        assert!(missing.is_err_and(|error| error.contains("WORKBENCH_PROBE_NO_SUCH_VARIABLE")));
        let homeless = SecretReference::File("svbf".to_owned()).resolve(None);
        assert!(homeless.is_err_and(|error| error.contains("--probe-secrets")));
    }
}
