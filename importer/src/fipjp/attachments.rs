//! Attachments: the body lists their digests, so that the signature covers them; the envelope brings their bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::envelope::{Envelope, Members};
use super::refuse;
use crate::failure::OpenError;
use crate::issue::{Issue, shorten};
use crate::json::JsonValue;
use crate::record::hexadecimal;

/// Compares every attachment with the digest that the body lists for it.
pub(super) fn check(envelope: &Envelope, issues: &mut Vec<Issue>) -> Result<(), OpenError> {
    let mut listed: Vec<(String, String)> = Vec::new();
    for entry in &envelope.attachments_listed {
        let mut entry = Members::of(entry.clone(), "an entry of `attachments`")?;
        let (name, digest) = (entry.text("name")?, entry.text("sha256")?);
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let why = format!("the digest of {} is no SHA-256 in hexadecimal", shorten(&name));
            return Err(refuse("submission_malformed", why));
        }
        if listed.iter().any(|(other, _)| *other == name) {
            let why = format!("the attachment {} is listed twice", shorten(&name));
            return Err(refuse("submission_malformed", why));
        }
        listed.push((name, digest.to_ascii_lowercase()));
    }
    let mut brought: Vec<String> = Vec::new();
    for attachment in &envelope.attachments {
        let mut attachment = Members::of(attachment.clone(), "an attachment")?;
        let name = attachment.text("name")?;
        let Some((_, digest)) = listed.iter().find(|(other, _)| *other == name) else {
            let why = format!("the attachment {} is not listed in the body, so nobody vouches for it", shorten(&name));
            return Err(refuse("attachment_unlisted", why));
        };
        let Some(JsonValue::Text(content)) = attachment.optional("content") else { continue };
        let bytes = STANDARD
            .decode(&content)
            .map_err(|_| refuse("submission_malformed", format!("the content of {} is no base64", shorten(&name))))?;
        if hexadecimal(&Sha256::digest(&bytes)) != *digest {
            let why = format!("the attachment {} is not the one whose digest the body lists", shorten(&name));
            return Err(refuse("attachment_altered", why));
        }
        brought.push(name);
    }
    for (name, _) in listed.iter().filter(|(name, _)| !brought.contains(name)) {
        issues.push(
            Issue::warning(
                "attachment_absent",
                0,
                format!("the attachment {} is listed and not enclosed", shorten(name)),
                "Its digest could not be compared; compare it when the file arrives by another way.",
            )
            .column("attachments")
            .value(name),
        );
    }
    Ok(())
}
