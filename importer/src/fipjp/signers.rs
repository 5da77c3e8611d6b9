//! Whose signatures are known.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;

use crate::issue::shorten;

/// What becomes of a submission that nobody known has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownSigner {
    /// It is read, with a warning.
    #[default]
    Warn,
    /// It is refused.
    Refuse,
}

/// The known signers of federation submissions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signers {
    keys: BTreeMap<String, Key>,
    unknown: UnknownSigner,
}

/// A public key and whom it may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) public: [u8; 32],
    /// The federation that it may sign for; any where absent.
    pub(super) federation: Option<String>,
}

/// Why a set of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// It is no JSON Web Key Set.
    #[error("this is no JSON Web Key Set: {0}")]
    Unreadable(String),
    /// One of its keys cannot be used.
    #[error("the key {kid} cannot be used: {why}")]
    Key {
        /// Its id.
        kid: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<WebKey>,
}

#[derive(Deserialize)]
struct WebKey {
    kid: String,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    /// A private key has this.
    d: Option<serde::de::IgnoredAny>,
    /// Ours: the federation that the key may sign for.
    federation: Option<String>,
}

impl Signers {
    /// Reads a JSON Web Key Set (RFC 7517, RFC 8037) of Ed25519 public keys. A key may name, as `federation`, the one
    /// federation that it may sign for.
    ///
    /// # Errors
    /// What is wrong with the text or with one of its keys.
    pub fn from_key_set(text: &str, unknown: UnknownSigner) -> Result<Self, SignerError> {
        let set: KeySet = serde_json::from_str(text).map_err(|error| SignerError::Unreadable(error.to_string()))?;
        let mut keys = BTreeMap::new();
        for key in set.keys {
            let refuse = |why| SignerError::Key { kid: shorten(&key.kid), why };
            if key.kty != "OKP" || key.crv.as_deref() != Some("Ed25519") {
                return Err(refuse("it is not of type OKP with the curve Ed25519"));
            }
            if key.d.is_some() {
                return Err(refuse("it is a private key, which has no place here"));
            }
            let public: [u8; 32] = key
                .x
                .as_deref()
                .and_then(|x| URL_SAFE_NO_PAD.decode(x).ok())
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| refuse("its `x` is not 32 bytes in base64url"))?;
            if VerifyingKey::from_bytes(&public).is_err() {
                return Err(refuse("its `x` is no point of the curve"));
            }
            let federation = key.federation.clone();
            if keys.insert(key.kid.clone(), Key { public, federation }).is_some() {
                return Err(refuse("its id stands twice"));
            }
        }
        Ok(Self { keys, unknown })
    }

    pub(super) fn key(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    pub(super) const fn unknown(&self) -> UnknownSigner {
        self.unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_ed25519_keys_are_taken() {
        // The public key of RFC 8037, appendix A.2.
        let sound = r#"{"kid":"a","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let set = |keys: &str| Signers::from_key_set(&format!("{{\"keys\":[{keys}]}}"), UnknownSigner::Refuse);
        assert!(set(sound).expect("sound").key("a").is_some());
        for wrong in [
            sound.replace("OKP", "EC"),
            sound.replace("Ed25519", "X25519"),
            sound.replace("11qY", "11"),
            sound.replace("\"kid\":\"a\"", "\"kid\":\"a\",\"d\":\"secret\""),
            format!("{sound},{sound}"),
            "1".to_owned(),
        ] {
            assert!(set(&wrong).is_err_and(|error| !error.to_string().contains("secret")), "{wrong}");
        }
    }
}
