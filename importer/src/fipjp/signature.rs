//! The signature: a detached JWS (RFC 7515, appendix F) with Ed25519 (RFC 8037) over the body in canonical form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};

use super::envelope::Envelope;
use super::refuse;
use super::signers::{Signers, UnknownSigner};
use crate::failure::OpenError;
use crate::issue::{Issue, shorten};
use crate::json::{JsonValue, parse};

/// Verifies the signature; says how it stands. A bad one refuses the submission whatever the options say.
pub(super) fn verify(envelope: &Envelope, signers: &Signers, issues: &mut Vec<Issue>) -> Result<String, OpenError> {
    let Some(jws) = &envelope.signature else {
        let message = "the submission is not signed";
        tolerate("signature_missing", message.to_owned(), signers.unknown(), issues)?;
        return Ok("absent".to_owned());
    };
    let malformed = |why: &str| refuse("signature_malformed", why);
    let parts: Vec<&str> = jws.split('.').collect();
    let [protected, "", signature] = parts.as_slice() else {
        return Err(malformed("the signature is no detached JWS: expected header, two points, signature"));
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header = decode(protected)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| parse(&text).ok())
        .ok_or_else(|| malformed("the header of the signature cannot be read"))?;
    let text = |name: &str| match header.get(name) {
        Some(JsonValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    // Any other algorithm is refused rather than tried: who chooses the algorithm could choose none.
    if !matches!(text("alg").as_deref(), Some("EdDSA" | "Ed25519")) {
        return Err(malformed("the signature is not made with Ed25519 (`alg` EdDSA)"));
    }
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err(malformed("the signature asks for extensions (`crit`, `b64`) that are not known"));
    }
    let signer = text("kid").ok_or_else(|| malformed("the signature does not name its key (`kid`)"))?;
    let signature = decode(signature)
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or_else(|| malformed("the signature does not have 64 bytes"))?;
    let Some(key) = signers.key(&signer) else {
        let message = format!("the signer {} is not known", shorten(&signer));
        tolerate("signer_unknown", message, signers.unknown(), issues)?;
        return Ok(format!("unknown signer {}", shorten(&signer)));
    };
    if key.federation.as_ref().is_some_and(|federation| *federation != envelope.federation) {
        let why = format!("the signer {} may not sign for {}", shorten(&signer), envelope.federation);
        return Err(refuse("signer_not_entitled", why));
    }
    let bad = || OpenError::Submission {
        code: "signature_invalid",
        why: format!("the signature of {} does not fit the body", shorten(&signer)),
        hint: "The body was changed after it was signed, or another key signed it. Do not use it; ask the sender.",
    };
    let mut message = format!("{protected}.");
    URL_SAFE_NO_PAD.encode_string(&envelope.signed, &mut message);
    let verifying = VerifyingKey::from_bytes(&key.public).map_err(|_| bad())?;
    verifying.verify_strict(message.as_bytes(), &signature).map_err(|_| bad())?;
    Ok(format!("verified, by {}", shorten(&signer)))
}

/// Remarks on a submission that nobody known vouches for, or refuses it.
fn tolerate(
    code: &'static str,
    message: String,
    unknown: UnknownSigner,
    issues: &mut Vec<Issue>,
) -> Result<(), OpenError> {
    let hint = "Add the signer's key to the known ones once you have it from the federation itself.";
    match unknown {
        UnknownSigner::Refuse => Err(OpenError::Submission { code, why: message, hint }),
        UnknownSigner::Warn => {
            issues.push(Issue::warning(code, 0, message, hint).column("signature"));
            Ok(())
        }
    }
}
