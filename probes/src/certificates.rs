//! Whose certificates probes trust: those that the system trusts, read once.

use std::sync::{Arc, OnceLock};

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, Error};

static TRUST: OnceLock<ClientConfig> = OnceLock::new();

/// How a probe's connection is secured.
///
/// Reading the system's certificates takes longer than a whole probe otherwise does, so they are those of the first
/// call until the process ends.
///
/// # Errors
/// The system's certificates cannot be read; the next call tries again.
pub(crate) fn trust() -> Result<ClientConfig, Error> {
    if let Some(known) = TRUST.get() {
        return Ok(known.clone());
    }
    let mut trust = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    trust.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    // A session that is taken up again is one whose certificate nobody looks at.
    trust.resumption = Resumption::disabled();
    Ok(TRUST.get_or_init(|| trust).clone())
}
