//! The shape of the channels' YAML. The doc comments here are what editors show, by way of the JSON Schema.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use workbench_engine::definition::{Retry, duration};
use workbench_engine::store::NotificationKind;

/// Who is told when a tenant's health fails, and when it no longer does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Declaration {
    /// The server that e-mail goes through; needed where a channel is of the kind `email`.
    pub(super) smtp: Option<Smtp>,
    /// Where messages go.
    pub(super) channels: Vec<DeclaredChannel>,
}

/// The server that e-mail goes through.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Smtp {
    /// Reference to its address, such as `env:WORKBENCH_NOTIFY_SMTP` for a variable with
    /// `smtps://user:password@mail.example:465` or `smtp://mail.example:587?tls=required`.
    pub(super) url: String,
    /// Whom e-mail is from, for example `Onboarding <onboarding@example.org>`.
    pub(super) from: String,
}

/// A way to somebody.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredChannel {
    /// What it is called by, in small letters, for example `ops`.
    pub(super) id: String,
    /// How messages travel.
    pub(super) kind: Kind,
    /// Of a `webhook`: the receiver's address. Of `slack`: a reference to it, as whoever has it can write there.
    pub(super) url: Option<String>,
    /// Of a `webhook`: a reference to the secret that signs, a `whsec_` text. Several while it is changed.
    #[serde(default)]
    pub(super) secret: OneOrMore,
    /// Of `email`: the recipients' addresses.
    #[serde(default)]
    pub(super) to: Vec<String>,
    /// What it is told; both where absent.
    #[serde(default = "everything")]
    pub(super) on: Vec<On>,
    /// Only of these tenants, by id; of all where absent.
    #[serde(default)]
    pub(super) tenants: Vec<String>,
    /// Only of tenants in these countries, in two capital letters; of all where absent.
    #[serde(default)]
    pub(super) countries: Vec<String>,
    /// How a message that was not taken is tried again.
    #[serde(default)]
    pub(super) retry: Patience,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A signed HTTP request with JSON.
    Webhook,
    /// A short text to a Slack-compatible address.
    Slack,
    /// E-mail.
    Email,
}

/// What a channel is told.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum On {
    /// That a tenant's health fails.
    Failed,
    /// That it no longer does.
    Recovered,
}

impl From<On> for NotificationKind {
    fn from(on: On) -> Self {
        match on {
            On::Failed => Self::Failed,
            On::Recovered => Self::Recovered,
        }
    }
}

/// One text, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    pub(super) fn into_list(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(list) => list,
        }
    }
}

/// How a message that was not taken is tried again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Patience {
    /// Attempts in all; 10 where absent.
    #[schemars(range(min = 1, max = 50))]
    max_attempts: Option<u32>,
    /// Wait after the first attempt; `5s` where absent.
    initial: Option<String>,
    /// What each further wait is multiplied by; 6 where absent.
    #[schemars(range(min = 1, max = 100))]
    factor: Option<f64>,
    /// No wait is longer; `20h` where absent.
    max: Option<String>,
    /// Share of a wait that is taken off at random; 0.1 where absent.
    #[schemars(range(min = 0, max = 1))]
    jitter: Option<f64>,
}

impl Patience {
    /// The engine's rule. Its defaults are ten attempts within three days: 5 s, 30 s, 3 min, 18 min, 1 h 48 min,
    /// 10 h 48 min, and 20 h three times.
    pub(super) fn retry(&self) -> Result<Retry, String> {
        let span = |text: &Option<String>, usual| text.as_deref().map_or(Ok(usual), duration::parse);
        Ok(Retry {
            max_attempts: self.max_attempts.unwrap_or(10),
            initial: span(&self.initial, Duration::from_secs(5))?,
            factor: self.factor.unwrap_or(6.0),
            max: span(&self.max, Duration::from_hours(20))?,
            jitter: self.jitter.unwrap_or(0.1),
        })
    }
}

fn everything() -> Vec<On> {
    vec![On::Failed, On::Recovered]
}

/// The schema of the channels' file, made from the types that it is read into.
#[must_use]
pub fn notification_schema() -> serde_json::Value {
    schemars::schema_for!(Declaration).to_value()
}

#[cfg(test)]
mod tests {
    use workbench_engine::job::backoff;

    use super::*;

    /// Regenerate with `workbench schema notifications > workflows/notifications.schema.json`.
    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../../workflows/notifications.schema.json");
        let committed: serde_json::Value = serde_json::from_str(committed).expect("the committed schema is JSON");
        assert_eq!(committed, notification_schema());
    }

    #[test]
    fn the_usual_attempts_take_three_days() {
        let retry = Patience::default().retry().expect("the defaults are sound");
        let waits: Vec<Duration> = (1..retry.max_attempts).map(|attempt| backoff(&retry, attempt, 0.0)).collect();
        assert_eq!(waits[..4], [5, 30, 180, 1080].map(Duration::from_secs));
        let days = waits.iter().sum::<Duration>().as_secs_f64() / 86_400.0;
        assert!((2.9..3.2).contains(&days), "{days}");
    }
}
