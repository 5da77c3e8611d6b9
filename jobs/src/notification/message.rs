//! What is said: as data for programs, and as text for people.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use ulid::Ulid;
use url::Url;
use workbench_engine::incident::News;
use workbench_engine::store::{Delivery, Notification, NotificationKind};

/// What events name as their source where people's address of the console is not known.
const SOURCE: &str = "urn:onboarding-workbench";

/// One message through one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The same in every attempt, another in every channel.
    pub(super) id: String,
    /// The same in every channel.
    event: String,
    kind: String,
    at: DateTime<Utc>,
    tenant: Option<String>,
    data: Value,
    source: String,
    /// One line that says it all.
    pub(super) title: String,
    /// The rest, line by line.
    pub(super) lines: Vec<String>,
    /// Where to look.
    pub(super) link: Option<String>,
}

impl Message {
    /// What a delivery says. `console` is the address under which people reach the console.
    #[must_use]
    pub fn of(delivery: &Delivery, notification: &Notification, console: Option<&Url>) -> Self {
        let news = &notification.news;
        Self {
            id: delivery.id.clone(),
            event: notification.id.clone(),
            kind: notification.kind.as_str().to_owned(),
            at: notification.created_at,
            tenant: Some(news.tenant.id.clone()),
            data: json!(news),
            source: source(console),
            title: title(notification.kind, news),
            lines: lines(news),
            link: console
                .and_then(|console| console.join(&format!("onboarding/{}", news.tenant.id)).ok())
                .map(String::from),
        }
    }

    /// A message that says only that a channel works.
    #[must_use]
    pub fn test(channel: &str, console: Option<&Url>) -> Self {
        let now = Utc::now();
        let id = |prefix: &str| format!("{prefix}_{}", Ulid::from_datetime(now.into()));
        Self {
            id: id("dlv"),
            event: id("ntf"),
            kind: "workbench.test".to_owned(),
            at: now,
            tenant: None,
            data: json!({ "channel": channel }),
            source: source(console),
            title: format!("Onboarding Workbench: a test of the channel {channel}"),
            lines: vec!["Nothing has happened; somebody tried whether messages arrive.".to_owned()],
            link: console.map(Url::to_string),
        }
    }

    /// As an event of `CloudEvents` 1.0. `timestamp` repeats `time` for receivers that expect an envelope of Standard Webhooks.
    pub(super) fn event(&self) -> Value {
        let mut event = json!({
            "specversion": "1.0",
            "id": self.event,
            "source": self.source,
            "type": self.kind,
            "time": self.at,
            "timestamp": self.at,
            "datacontenttype": "application/json",
            "data": self.data,
        });
        if let Some(tenant) = &self.tenant {
            event["subject"] = json!(tenant);
        }
        event
    }

    /// As plain text.
    pub(super) fn text(&self) -> String {
        let lines = self.lines.iter().map(String::as_str).chain(self.link.as_deref());
        std::iter::once(self.title.as_str()).chain(lines).collect::<Vec<_>>().join("\n")
    }

    /// As the text that Slack and its like show.
    pub(super) fn slack(&self) -> String {
        let title = format!("*{}*", escaped(&self.title));
        let lines = self.lines.iter().map(|line| escaped(line));
        let link = self.link.iter().map(|link| format!("<{link}|Open the console>"));
        std::iter::once(title).chain(lines).chain(link).collect::<Vec<_>>().join("\n")
    }
}

fn source(console: Option<&Url>) -> String {
    console.map_or_else(|| SOURCE.to_owned(), Url::to_string)
}

fn title(kind: NotificationKind, news: &News) -> String {
    let who = format!("{} ({})", news.tenant.name, news.tenant.id);
    let after = news.closed_at.map(|closed| in_words(closed - news.opened_at)).unwrap_or_default();
    match (kind, news.status.as_str()) {
        (NotificationKind::Failed, _) => format!("{who}: the health check fails"),
        (NotificationKind::Recovered, "warn") => format!("{who}: no longer fails after {after}, but still warns"),
        (NotificationKind::Recovered, _) => format!("{who}: healthy again after {after}"),
    }
}

fn lines(news: &News) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(error) = &news.error {
        lines.push(format!("The check came to no result: {error}"));
    }
    for probe in &news.probes {
        lines.push(format!("{} {}: {}", probe.probe, probe.status, probe.message));
        if !probe.hint.is_empty() {
            lines.push(format!("  → {}", probe.hint));
        }
    }
    if !news.closed_gates.is_empty() {
        lines.push(format!("Closed again: {}", news.closed_gates.join(", ")));
    }
    lines
}

/// The three characters that mean something to Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A span in its two largest units.
fn in_words(span: TimeDelta) -> String {
    let minutes = span.num_minutes().max(1);
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{rest} min"),
        (0, _) => format!("{hours} h {rest} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use workbench_engine::incident::{ProbeNews, TenantName};
    use workbench_engine::job::JobState;

    use super::*;

    fn message(kind: NotificationKind, status: &str) -> Message {
        let at = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("a time within range");
        let recovered = kind == NotificationKind::Recovered;
        let news = News {
            incident: "inc_1".to_owned(),
            tenant: TenantName { id: "svbf".to_owned(), name: "Boule & <Co>".to_owned(), country: "SE".to_owned() },
            opened_at: at(0),
            closed_at: recovered.then(|| at(11_520)),
            check: "hc_1".to_owned(),
            checked_at: Some(at(0)),
            status: status.to_owned(),
            probes: vec![ProbeNews {
                probe: "sample_login".to_owned(),
                status: "fail".to_owned(),
                message: "no <login>".to_owned(),
                hint: "ask".to_owned(),
            }],
            closed_gates: vec!["go_no_go".to_owned()],
            error: None,
        };
        let notification = Notification { id: "ntf_1".to_owned(), kind, news, created_at: at(0) };
        let delivery = Delivery {
            id: "dlv_1".to_owned(),
            notification_id: "ntf_1".to_owned(),
            kind,
            channel: "ops".to_owned(),
            job_id: "job_1".to_owned(),
            state: JobState::Running,
            last_error: None,
            delivered_at: None,
            created_at: at(0),
        };
        let console = Url::parse("https://onboarding.example/").expect("an address");
        Message::of(&delivery, &notification, Some(&console))
    }

    #[test]
    fn slack_is_told_without_its_own_marks() {
        let text = message(NotificationKind::Failed, "fail").slack();
        let expected = "*Boule &amp; &lt;Co&gt; (svbf): the health check fails*\n\
                        sample_login fail: no &lt;login&gt;\n\u{20} → ask\nClosed again: go_no_go\n\
                        <https://onboarding.example/onboarding/svbf|Open the console>";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_recovery_says_whether_all_is_well() {
        let title = |status| message(NotificationKind::Recovered, status).title;
        assert_eq!(title("pass"), "Boule & <Co> (svbf): healthy again after 3 h 12 min");
        assert_eq!(title("warn"), "Boule & <Co> (svbf): no longer fails after 3 h 12 min, but still warns");
    }

    #[test]
    fn an_event_has_what_both_standards_ask_for() {
        let event = message(NotificationKind::Failed, "fail").event();
        for member in ["specversion", "id", "source", "type", "time", "timestamp", "subject"] {
            assert!(event[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {event:#}");
        }
        assert_eq!(event["time"], event["timestamp"]);
        assert_eq!(event["data"]["incident"], "inc_1");
    }
}
