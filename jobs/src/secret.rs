//! Resolves references to secrets. The value goes to whom it is meant for and nowhere else.
//!
//! Whoever opens an onboarding names the probes' secret and the address that it is sent to. A reference can therefore only
//! reach what the operator has set aside for its purpose: variables with a prefix of their own, and the files of one
//! folder.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use workbench_probes::Secret;

/// Longest name of a variable or a file.
const LONGEST_NAME: usize = 128;
/// Longest secret, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;
/// What would be right for a probes' secret.
pub const FORMS: &str = "Use `env:WORKBENCH_PROBE_NAME`, or `file:NAME` for a file of the folder that the operator \
                         gave as `--probe-secrets`; secrets themselves are never stored.";
/// What would be right for a notification channel's secret.
pub const NOTIFICATION_FORMS: &str = "Use `env:WORKBENCH_NOTIFY_NAME`, or `file:NAME` for a file of the folder given \
                                      as `--notify-secrets`; the file itself has no secrets.";

/// What secrets are for, and what was set aside for it.
#[derive(Debug, PartialEq, Eq)]
struct Purpose {
    /// How the names of its variables begin.
    prefix: &'static str,
    /// Variables of that prefix that configure the daemon.
    settings: &'static [&'static str],
    /// The flag that names its folder.
    folder: &'static str,
    /// What people call such a secret.
    name: &'static str,
}

const PROBES: Purpose = Purpose {
    prefix: "WORKBENCH_PROBE_",
    settings: &["WORKBENCH_PROBE_ALLOW", "WORKBENCH_PROBE_SECRETS", "WORKBENCH_PROBE_TIMEOUT"],
    folder: "--probe-secrets",
    name: "the probes' secret",
};
const NOTIFICATIONS: Purpose = Purpose {
    prefix: "WORKBENCH_NOTIFY_",
    settings: &["WORKBENCH_NOTIFY_SECRETS"],
    folder: "--notify-secrets",
    name: "the channel's secret",
};

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    place: Place,
    purpose: &'static Purpose,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// An environment variable of the process that needs the secret.
    Variable(String),
    /// A file of the operator's folder.
    File(String),
}

impl SecretReference {
    /// Reads a reference; none where it is no reference that probes may use. The text must then not be shown: it may
    /// be the secret itself.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_for(&PROBES, text)
    }

    /// As [`SecretReference::parse`], for notification channels.
    #[must_use]
    pub fn of_channel(text: &str) -> Option<Self> {
        Self::parse_for(&NOTIFICATIONS, text)
    }

    fn parse_for(purpose: &'static Purpose, text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        if name.len() > LONGEST_NAME {
            return None;
        }
        let place = match kind {
            "env" => {
                let own = name.strip_prefix(purpose.prefix)?;
                let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                let free = !own.is_empty() && own.chars().all(fits) && !purpose.settings.contains(&name);
                free.then(|| Place::Variable(name.to_owned()))
            }
            "file" => {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
                let plain = !name.is_empty() && name.chars().all(fits);
                let inside = !name.starts_with('.') && !name.contains("..");
                (plain && inside).then(|| Place::File(name.to_owned()))
            }
            _ => None,
        };
        place.map(|place| Self { place, purpose })
    }

    /// The secret; an error names the reference, never a value or a path.
    pub fn resolve(&self, folder: Option<&Path>) -> Result<Secret, String> {
        let Purpose { folder: flag, name: what, .. } = self.purpose;
        match &self.place {
            Place::Variable(name) => std::env::var(name)
                .map(Secret::new)
                .map_err(|_| format!("the environment variable `{name}` that holds {what} is not set")),
            Place::File(name) => {
                let folder =
                    folder.ok_or_else(|| format!("`file:{name}` holds {what}, but no folder was given as `{flag}`"))?;
                read(folder, name)
                    .map(|text| Secret::new(text.trim_end()))
                    .map_err(|error| format!("the file `{name}` with {what} could not be read: {error}"))
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
        let place = |text: &str| SecretReference::parse(text).map(|reference| reference.place);
        let variable = Place::Variable("WORKBENCH_PROBE_SVBF".to_owned());
        assert_eq!(place("env:WORKBENCH_PROBE_SVBF"), Some(variable));
        assert_eq!(place("file:svbf.txt"), Some(Place::File("svbf.txt".to_owned())));
        for refused in [
            "hunter2",
            "env:",
            "env:HOME",
            "env:WORKBENCH_TOKEN",
            "env:WORKBENCH_PROBE_",
            "env:WORKBENCH_PROBE_ALLOW",
            "env:WORKBENCH_NOTIFY_OPS",
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
        let said = |reference: Option<SecretReference>| {
            reference.expect("it is a reference").resolve(None).expect_err("there is no such secret")
        };
        let missing = said(SecretReference::parse("env:WORKBENCH_PROBE_NO_SUCH_VARIABLE"));
        assert!(missing.contains("WORKBENCH_PROBE_NO_SUCH_VARIABLE"), "{missing}");
        assert!(said(SecretReference::parse("file:svbf")).contains("--probe-secrets"));
        assert!(said(SecretReference::of_channel("file:svbf")).contains("--notify-secrets"));
    }

    #[test]
    fn channels_have_variables_of_their_own() {
        assert!(SecretReference::of_channel("env:WORKBENCH_NOTIFY_OPS").is_some());
        for refused in ["env:WORKBENCH_PROBE_SVBF", "env:WORKBENCH_NOTIFY_SECRETS", "whsec_MfKQ"] {
            assert_eq!(SecretReference::of_channel(refused), None, "{refused:?}");
        }
    }
}
