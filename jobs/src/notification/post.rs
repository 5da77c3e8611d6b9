//! Messages by HTTP: signed webhooks, and texts for Slack and its like.

use std::error::Error as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde_json::json;
use url::Url;

use super::channel::SendFailure;
use super::message::Message;
use super::signature::SigningKey;

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// A client that follows nothing: what a receiver answers is not an invitation to connect elsewhere.
pub(super) fn client() -> Result<Client, SendFailure> {
    Client::builder()
        .user_agent(concat!("workbench/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        // Messages are rare: a connection that was kept is one that the receiver has closed meanwhile.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| SendFailure::Later { message: innermost(&error), wait: None })
}

/// Sends a signed event; one signature for each key.
pub(super) async fn webhook(
    client: &Client,
    url: &Url,
    keys: &[SigningKey],
    message: &Message,
) -> Result<(), SendFailure> {
    let (body, now) = (message.event().to_string(), Utc::now().timestamp());
    let signatures: Vec<String> = keys.iter().map(|key| key.sign(&message.id, now, &body)).collect();
    let request = client
        .post(url.clone())
        .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", now)
        .header("webhook-signature", signatures.join(" "))
        .body(body);
    send(request).await
}

/// Sends a short text.
pub(super) async fn slack(client: &Client, url: &Url, message: &Message) -> Result<(), SendFailure> {
    let body = json!({ "text": message.slack() }).to_string();
    send(client.post(url.clone()).header(CONTENT_TYPE, "application/json; charset=utf-8").body(body)).await
}

async fn send(request: RequestBuilder) -> Result<(), SendFailure> {
    // The answer's body is not read: nothing in it changes what is done, and it may be of any size.
    let answer = request.send().await.map_err(|error| {
        let what =
            if error.is_timeout() { "the receiver did not answer in time" } else { "the receiver was not reached" };
        SendFailure::Later { message: format!("{what}: {}", innermost(&error)), wait: None }
    })?;
    judge(answer.status(), asked_wait(answer.headers(), Utc::now()))
}

/// What an answer means. Only 2xx is acceptance; what the sender did wrong does not become right by repeating it.
fn judge(status: StatusCode, wait: Option<Duration>) -> Result<(), SendFailure> {
    let message = format!("the receiver answered {status}");
    if status.is_success() {
        return Ok(());
    }
    let passes = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    if status.is_client_error() && !passes {
        return Err(SendFailure::Never(message));
    }
    Err(SendFailure::Later { message, wait })
}

/// The wait that the receiver asks for, as seconds or as a time.
fn asked_wait(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc) - now).to_std().ok()?,
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The cause at the bottom; unlike those above it, it never quotes the address, which may be a secret.
fn innermost(error: &reqwest::Error) -> String {
    let last = std::iter::successors(error.source(), |error| (*error).source()).last();
    last.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn judged(status: u16) -> &'static str {
        match judge(StatusCode::from_u16(status).expect("a status"), None) {
            Ok(()) => "accepted",
            Err(SendFailure::Later { .. }) => "later",
            Err(SendFailure::Never(_)) => "never",
        }
    }

    #[test]
    fn only_acceptance_is_acceptance() {
        for status in [200, 202, 204] {
            assert_eq!(judged(status), "accepted", "{status}");
        }
        for status in [301, 302, 308, 408, 425, 429, 500, 502, 503] {
            assert_eq!(judged(status), "later", "{status}");
        }
        for status in [400, 401, 404, 410, 413, 422] {
            assert_eq!(judged(status), "never", "{status}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_patience_within_a_day() {
        let now = DateTime::from_timestamp(1_445_412_420, 0).expect("a time within range");
        let wait = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            asked_wait(&headers, now)
        };
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(wait("99999999999"), Some(LONGEST_WAIT));
        for unclear in ["soon", "-1", "Wed, 21 Oct 2015 07:26:00 GMT", ""] {
            assert_eq!(wait(unclear), None, "{unclear}");
        }
    }
}
