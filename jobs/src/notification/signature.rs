//! Signatures of webhooks, as Standard Webhooks 1.0 has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use workbench_probes::Secret;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Sizes of a secret, in bytes.
const SIZES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that signs.
pub(super) struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads a `whsec_` text; an error says what is wrong with it and never what it is.
    pub(super) fn read(secret: &Secret) -> Result<Self, String> {
        let encoded =
            secret.expose().strip_prefix(PREFIX).ok_or_else(|| format!("the secret does not begin with `{PREFIX}`"))?;
        let key = STANDARD.decode(encoded).map_err(|_| format!("what stands behind `{PREFIX}` is no base64"))?;
        if SIZES.contains(&key.len()) {
            Ok(Self(key))
        } else {
            Err(format!("the secret has {} bytes; it must have {} to {}", key.len(), SIZES.start(), SIZES.end()))
        }
    }

    /// One signature: over id, seconds since the epoch, and the body as it is sent.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<SigningKey, String> {
        SigningKey::read(&Secret::from(text))
    }

    #[test]
    fn signs_as_the_published_vector() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret of 24 bytes");
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_refused_without_being_shown() {
        let short = format!("{PREFIX}{}", STANDARD.encode([7; 23]));
        let long = format!("{PREFIX}{}", STANDARD.encode([7; 65]));
        for refused in ["", "hunter2", "whsec_hunter2!", &short, &long] {
            let error = key(refused).err().expect("it is no secret");
            assert!(refused.is_empty() || !error.contains(refused), "{error}");
        }
        assert!(key(&format!("{PREFIX}{}", STANDARD.encode([7; 64]))).is_ok());
    }
}
