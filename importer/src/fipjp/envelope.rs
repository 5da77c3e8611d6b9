//! The envelope: what it must have, taken apart.

use chrono::DateTime;

use super::refuse;
use crate::failure::OpenError;
use crate::format::Entity;
use crate::issue::shorten;
use crate::json::JsonValue;

/// The versions of the format that are read.
const VERSION: &str = "1.0";

/// Longest id of a submission, in characters.
const LONGEST_ID: usize = 100;

/// An envelope taken apart.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) submission_id: String,
    pub(super) submission_type: String,
    pub(super) federation: String,
    pub(super) created_at: String,
    pub(super) entity: Entity,
    /// The body without its records, which have been moved out; for its list of attachments.
    pub(super) attachments_listed: Vec<JsonValue>,
    pub(super) records: Vec<JsonValue>,
    /// The body in canonical form: what the signature is over.
    pub(super) signed: String,
    pub(super) attachments: Vec<JsonValue>,
    pub(super) signature: Option<String>,
}

impl Envelope {
    pub(super) fn take(value: JsonValue) -> Result<Self, OpenError> {
        let mut root = Members::of(value, "the envelope")?;
        let format = root.text("format")?;
        if format != "fipjp" {
            return Err(refuse("submission_malformed", format!("`format` is {}, not fipjp", shorten(&format))));
        }
        let version = root.text("version")?;
        if version != VERSION {
            let why = format!("version {} of the format is not read; {VERSION} is", shorten(&version));
            return Err(refuse("submission_version", why));
        }
        let mut header = Members::of(root.needed("header")?, "`header`")?;
        let submission_id = header.text("submission_id")?;
        if submission_id.is_empty() || submission_id.chars().count() > LONGEST_ID {
            return Err(refuse("submission_malformed", "`submission_id` must have 1 to 100 characters"));
        }
        let submission_type = header.text("type")?;
        let entity = entity_of(&submission_type).ok_or_else(|| {
            let why = format!("its type is {}, none of player, license, transfer, ranking", shorten(&submission_type));
            refuse("submission_type_unknown", why)
        })?;
        let federation = header.text("federation")?;
        if federation.len() != 3 || !federation.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let why = format!("`federation` is {}, no code of three capital letters", shorten(&federation));
            return Err(refuse("submission_malformed", why));
        }
        let created_at = header.text("created_at")?;
        if DateTime::parse_from_rfc3339(&created_at).is_err() {
            let why = format!("`created_at` is {}, no time such as 2025-01-10T09:00:00Z", shorten(&created_at));
            return Err(refuse("submission_malformed", why));
        }

        let body = root.needed("body")?;
        let signed = crate::json::canonical(&body)
            .ok_or_else(|| refuse("submission_malformed", "a number is too large for a signed body"))?;
        let mut body = Members::of(body, "`body`")?;
        // The header is not signed: what it says counts only as far as the body says the same.
        for (name, of_header) in
            [("submission_id", &submission_id), ("type", &submission_type), ("federation", &federation)]
        {
            let of_body = body.text(name)?;
            if of_body != *of_header {
                let why =
                    format!("`{name}` is {} in the header and {} in the body", shorten(of_header), shorten(&of_body));
                return Err(refuse("header_differs", why));
            }
        }
        let records = list(body.needed("records")?, "`records`")?;
        let attachments_listed =
            body.optional("attachments").map_or(Ok(Vec::new()), |value| list(value, "`attachments`"))?;
        let attachments = root.optional("attachments").map_or(Ok(Vec::new()), |value| list(value, "`attachments`"))?;
        let signature = match root.optional("signature") {
            None => None,
            Some(JsonValue::Text(signature)) => Some(signature),
            Some(_) => return Err(refuse("signature_malformed", "`signature` is no text")),
        };
        Ok(Self {
            submission_id,
            submission_type,
            federation,
            created_at,
            entity,
            attachments_listed,
            records,
            signed,
            attachments,
            signature,
        })
    }
}

/// What a type of submission brings.
fn entity_of(submission_type: &str) -> Option<Entity> {
    Some(match submission_type {
        "player" => Entity::Members,
        "license" => Entity::Licences,
        "transfer" => Entity::Transfers,
        "ranking" => Entity::Rankings,
        _ => return None,
    })
}

fn list(value: JsonValue, what: &str) -> Result<Vec<JsonValue>, OpenError> {
    match value {
        JsonValue::List(items) => Ok(items),
        _ => Err(refuse("submission_malformed", format!("{what} is no list"))),
    }
}

/// The members of an object, taken one by one.
pub(super) struct Members {
    members: Vec<(String, JsonValue)>,
    what: &'static str,
}

impl Members {
    pub(super) fn of(value: JsonValue, what: &'static str) -> Result<Self, OpenError> {
        match value {
            JsonValue::Object(members) => Ok(Self { members, what }),
            _ => Err(refuse("submission_malformed", format!("{what} is no object"))),
        }
    }

    /// A member that may be absent; null counts as absent.
    pub(super) fn optional(&mut self, name: &str) -> Option<JsonValue> {
        let position = self.members.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.members.swap_remove(position);
        (value != JsonValue::Null).then_some(value)
    }

    pub(super) fn needed(&mut self, name: &str) -> Result<JsonValue, OpenError> {
        self.optional(name).ok_or_else(|| refuse("submission_malformed", format!("{} has no `{name}`", self.what)))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, OpenError> {
        match self.needed(name)? {
            JsonValue::Text(text) => Ok(text),
            _ => Err(refuse("submission_malformed", format!("`{name}` of {} is no text", self.what))),
        }
    }
}
