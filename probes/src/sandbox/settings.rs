//! Reading and changing the settings of a sandbox platform.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::problem::Problem;
use super::world::{Fault, Settings};
use super::{Sandbox, Tenant};

/// The fields of [`Settings`].
const FIELDS: [&str; 2] = ["payment_provider", "fault"];

/// How a [`Fault`] is written.
const FAULTS: &str = r#"null, {"slow":{"ms":3000}}, "error_500", "wrong_body", "login_refused" or "bad_certificate""#;

/// A name of a field is taken for a slip of another one if they are at least this alike.
const ALIKE: f64 = 0.6;

/// More than any probe waits; a longer hold would only tie up connections.
const LONGEST_HOLD_MS: u64 = 60_000;

const LONGEST_PROVIDER: usize = 100;

pub(super) async fn show(State(sandbox): State<Sandbox>, Tenant(tenant): Tenant) -> Result<Json<Settings>, Problem> {
    sandbox.world.record_call(&tenant, "GET /settings").await?;
    Ok(Json(sandbox.world.settings(&tenant).await?))
}

/// Applies a JSON merge patch (RFC 7396).
pub(super) async fn change(
    State(sandbox): State<Sandbox>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Settings>, Problem> {
    sandbox.world.record_call(&tenant, "PATCH /settings").await?;
    // Asking for a JSON type also keeps web pages of other origins from changing anything unasked.
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(media_type.as_str(), "application/merge-patch+json" | "application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the change as application/merge-patch+json or application/json",
        ));
    }
    let patch = serde_json::from_slice::<Value>(&body?)
        .map_err(|error| Problem::bad_request(format!("the change is not JSON: {error}")))?;

    let _alone = sandbox.patching.lock().await;
    let settings = patched(&sandbox.world.settings(&tenant).await?, &patch).map_err(Problem::bad_request)?;
    sandbox.world.save_settings(&tenant, &settings).await?;
    Ok(Json(settings))
}

/// The settings with the patch applied, or what is wrong with it.
fn patched(settings: &Settings, patch: &Value) -> Result<Settings, String> {
    let Some(fields) = patch.as_object() else {
        return Err(format!("the change must be an object with some of the fields {}", FIELDS.join(", ")));
    };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(unknown_field(unknown));
    }
    let mut merged = serde_json::to_value(settings).map_err(|error| error.to_string())?;
    merge(&mut merged, patch);

    let mut field = |name: &str| merged.get_mut(name).map(Value::take).unwrap_or_default();
    let payment_provider: Option<String> = serde_json::from_value(field("payment_provider"))
        .map_err(|_| "`payment_provider` must be a text or null, for example \"swish\"".to_owned())?;
    let fault: Option<Fault> =
        serde_json::from_value(field("fault")).map_err(|_| format!("`fault` must be one of {FAULTS}"))?;
    if payment_provider.as_deref().is_some_and(|name| name.trim().is_empty() || name.len() > LONGEST_PROVIDER) {
        return Err(format!("`payment_provider` must have 1 to {LONGEST_PROVIDER} characters; null takes it away"));
    }
    if matches!(fault, Some(Fault::Slow { ms }) if ms > LONGEST_HOLD_MS) {
        return Err(format!("`fault.slow.ms` must be at most {LONGEST_HOLD_MS}"));
    }
    Ok(Settings { payment_provider, fault })
}

fn unknown_field(name: &str) -> String {
    let shown: String = name.chars().take(LONGEST_PROVIDER).collect();
    let nearest = FIELDS
        .into_iter()
        .map(|field| (strsim::normalized_damerau_levenshtein(&shown.to_lowercase(), field), field))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness >= ALIKE);
    match nearest {
        Some((_, field)) => format!("there is no setting `{shown}`; did you mean `{field}`?"),
        None => format!("there is no setting `{shown}`; there are {}", FIELDS.join(" and ")),
    }
}

/// The algorithm of RFC 7396, section 2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merging_follows_the_examples_of_the_standard() {
        for (target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut result = target.clone();
            merge(&mut result, &patch);
            assert_eq!(result, merged, "{target} patched with {patch}");
        }
    }

    #[test]
    fn faults_are_set_exchanged_and_taken_away() {
        let mut settings = Settings::default();
        for (patch, fault) in [
            (json!({"fault": "error_500"}), Some(Fault::Error500)),
            (json!({"fault": {"slow": {"ms": 10}}}), Some(Fault::Slow { ms: 10 })),
            (json!({"fault": {"slow": {"ms": 20}}}), Some(Fault::Slow { ms: 20 })),
            (json!({"payment_provider": "swish"}), Some(Fault::Slow { ms: 20 })),
            (json!({"fault": "wrong_body"}), Some(Fault::WrongBody)),
            (json!({"fault": "login_refused"}), Some(Fault::LoginRefused)),
            (json!({"fault": "bad_certificate"}), Some(Fault::BadCertificate)),
            (json!({"fault": null}), None),
        ] {
            settings = patched(&settings, &patch).expect("the patch is sound");
            assert_eq!(settings.fault, fault, "{patch}");
        }
        assert_eq!(settings.payment_provider.as_deref(), Some("swish"));
    }

    #[test]
    fn what_is_wrong_with_a_change_is_said() {
        for (patch, reason) in [
            (json!({"payment_provder": "swish"}), "did you mean `payment_provider`?"),
            (json!({"colour": "red"}), "there are payment_provider and fault"),
            (json!({"fault": "slow"}), "`fault` must be one of"),
            (json!({"fault": {"slow": {"ms": 1, "s": 1}}}), "`fault` must be one of"),
            (json!({"fault": {"slow": {"ms": 60_001}}}), "at most 60000"),
            (json!({"payment_provider": ""}), "1 to 100 characters"),
            (json!({"payment_provider": 1}), "a text or null"),
            (json!([]), "must be an object"),
        ] {
            let error = patched(&Settings::default(), &patch).expect_err("the patch is not sound");
            assert!(error.contains(reason), "{patch}: {error}");
        }
    }
}
