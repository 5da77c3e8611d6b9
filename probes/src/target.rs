//! What a probe is run against, and within which limits.

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::address::AddressPolicy;

/// The platform of one tenant and the account that probes use there.
#[derive(Debug, Clone)]
pub struct Target {
    /// Id of the tenant.
    pub tenant_id: String,
    /// Where the tenant's platform answers; paths of probes are appended to it.
    pub base_url: Url,
    /// Name of the probes' account.
    pub user: String,
    /// Password of the probes' account.
    pub secret: Option<Secret>,
}

/// A text that must not be shown: it has no `Display`, and its `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text so that it does not show.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How far a probe may go.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a whole probe may take, all its attempts together.
    pub timeout: Duration,
    /// Which addresses it may connect to.
    pub allow: AddressPolicy,
}

impl Default for Limits {
    /// Thirty seconds, and public addresses only.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), allow: AddressPolicy::public() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let target = Target {
            tenant_id: "acme".into(),
            base_url: Url::parse("https://acme.example/").expect("a valid address"),
            user: "probe".into(),
            secret: Some("hunter2".into()),
        };
        let shown = format!("{target:?}");
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(target.secret.as_ref().map(Secret::expose), Some("hunter2"));
    }
}
