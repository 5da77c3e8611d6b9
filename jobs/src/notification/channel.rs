//! The channels that operators declare.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use lettre::message::Mailbox;
use reqwest::Client;
use url::Url;
use workbench_engine::definition::Retry;
use workbench_engine::incident::News;
use workbench_engine::store::{NotificationKind, Recipient};
use workbench_positions::{Document, Fault};

use super::declaration::{Declaration, DeclaredChannel, Kind};
use super::message::Message;
use super::signature::SigningKey;
use super::{check, email, post};
use crate::secret::SecretReference;

/// How messages travel through a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// A signed HTTP request with JSON.
    Webhook,
    /// A short text to a Slack-compatible address.
    Slack,
    /// E-mail.
    Email,
}

impl ChannelKind {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
        }
    }
}

/// A way to somebody.
#[derive(Debug, Clone)]
pub struct Channel {
    id: String,
    kinds: Vec<NotificationKind>,
    tenants: Vec<String>,
    countries: Vec<String>,
    retry: Retry,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Webhook { url: Url, secrets: Vec<SecretReference> },
    Slack { url: SecretReference },
    Email { to: Vec<Mailbox> },
}

#[derive(Debug, Clone)]
struct Server {
    url: SecretReference,
    from: Mailbox,
}

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendFailure {
    /// It may the next time.
    Later {
        /// What came, for people.
        message: String,
        /// Not sooner than this from now, as the receiver asks.
        wait: Option<Duration>,
    },
    /// The receiver has refused it for good.
    Never(String),
}

/// Every channel of a file.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    list: Vec<Channel>,
    server: Option<Server>,
    /// Made for the first message: it reads the system's certificates.
    client: OnceLock<Client>,
}

impl Channels {
    /// Loads a file. `file` names it in messages.
    ///
    /// # Errors
    /// Every fault that can be told at once, in order of place, without the text of lines that may have a secret.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let document = Document::new(file, text, "the example in docs/notifications.md");
        let root = document.tree().map_err(|faults| check::without_secrets(faults, None))?;
        let shown = |faults| check::without_secrets(faults, Some(&root));
        document.sound(check::check(&root)).map_err(shown)?;
        let declaration: Declaration = document.typed().map_err(shown)?;
        let unfit = |cause: String| {
            let suggestion = "Compare with the example in docs/notifications.md.".to_owned();
            shown(vec![document.fault(root.at, "invalid_value", cause, suggestion)])
        };
        let server = declaration.smtp.map(|smtp| Ok(Server { url: reference(&smtp.url)?, from: mailbox(&smtp.from)? }));
        Ok(Self {
            server: server.transpose().map_err(unfit)?,
            list: declaration.channels.into_iter().map(channel).collect::<Result<_, _>>().map_err(unfit)?,
            client: OnceLock::new(),
        })
    }

    /// Makes sure that every secret is there and is one, and names all that are not.
    ///
    /// # Errors
    /// One sentence for each secret that cannot be used; never the secret.
    pub fn try_secrets(&self, folder: Option<&Path>) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        for channel in &self.list {
            let tried = match &channel.way {
                Way::Webhook { secrets, .. } => keys(secrets, folder).map(drop),
                Way::Slack { url } => slack_address(url, folder).map(drop),
                Way::Email { .. } => self.transport(folder).map(drop),
            };
            wrong.extend(tried.err().map(|error| format!("channel `{}`: {error}", channel.id)));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.list.iter()
    }

    /// The channel of this id, if there is one.
    #[must_use]
    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.list.iter().find(|channel| channel.id == id)
    }

    /// Who is told of something.
    #[must_use]
    pub fn recipients(&self, kind: NotificationKind, news: &News) -> Vec<Recipient> {
        let wanting = self.list.iter().filter(|channel| channel.wants(kind, news));
        wanting.map(|channel| Recipient { channel: channel.id.clone(), retry: channel.retry.clone() }).collect()
    }

    /// Sends a message through one of these channels. `folder` is where `file:NAME` is looked for.
    ///
    /// # Errors
    /// What came instead of acceptance; without secrets and without the receiver's address.
    pub async fn send(&self, channel: &Channel, message: &Message, folder: Option<&Path>) -> Result<(), SendFailure> {
        // A secret that cannot be read now may be there the next time.
        let absent = |message| SendFailure::Later { message, wait: None };
        match &channel.way {
            Way::Webhook { url, secrets } => {
                let keys = keys(secrets, folder).map_err(absent)?;
                post::webhook(self.client()?, url, &keys, message).await
            }
            Way::Slack { url } => {
                let url = slack_address(url, folder).map_err(absent)?;
                post::slack(self.client()?, &url, message).await
            }
            Way::Email { to } => {
                let (transport, from) = self.transport(folder).map_err(absent)?;
                email::send(&transport, from, to, message).await
            }
        }
    }

    fn client(&self) -> Result<&Client, SendFailure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = post::client()?;
        Ok(self.client.get_or_init(|| made))
    }

    fn transport(
        &self,
        folder: Option<&Path>,
    ) -> Result<(lettre::AsyncSmtpTransport<lettre::Tokio1Executor>, &Mailbox), String> {
        let server = self.server.as_ref().ok_or("the file has no `smtp`")?;
        Ok((email::transport(&server.url.resolve(folder)?, &server.from)?, &server.from))
    }
}

impl Channel {
    /// What it is called by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How messages travel.
    #[must_use]
    pub fn kind(&self) -> ChannelKind {
        match self.way {
            Way::Webhook { .. } => ChannelKind::Webhook,
            Way::Slack { .. } => ChannelKind::Slack,
            Way::Email { .. } => ChannelKind::Email,
        }
    }

    /// What it is told.
    #[must_use]
    pub fn kinds(&self) -> &[NotificationKind] {
        &self.kinds
    }

    /// The tenants that it is told of; all where empty.
    #[must_use]
    pub fn tenants(&self) -> &[String] {
        &self.tenants
    }

    /// The countries whose tenants it is told of; all where empty.
    #[must_use]
    pub fn countries(&self) -> &[String] {
        &self.countries
    }

    /// Where messages go, as far as everybody may know: a host, or how many recipients.
    #[must_use]
    pub fn destination(&self) -> Option<String> {
        match &self.way {
            Way::Webhook { url, .. } => url.host_str().map(str::to_owned),
            Way::Slack { .. } => None,
            Way::Email { to } if to.len() == 1 => Some("1 recipient".to_owned()),
            Way::Email { to } => Some(format!("{} recipients", to.len())),
        }
    }

    fn wants(&self, kind: NotificationKind, news: &News) -> bool {
        let among = |list: &[String], one: &String| list.is_empty() || list.contains(one);
        self.kinds.contains(&kind)
            && among(&self.tenants, &news.tenant.id)
            && among(&self.countries, &news.tenant.country)
    }
}

fn channel(declared: DeclaredChannel) -> Result<Channel, String> {
    let url = declared.url.as_deref().unwrap_or_default();
    let way = match declared.kind {
        Kind::Webhook => Way::Webhook {
            url: Url::parse(url).map_err(|error| error.to_string())?,
            secrets: declared.secret.into_list().iter().map(|text| reference(text)).collect::<Result<_, _>>()?,
        },
        Kind::Slack => Way::Slack { url: reference(url)? },
        Kind::Email => Way::Email { to: declared.to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()? },
    };
    Ok(Channel {
        id: declared.id,
        kinds: declared.on.into_iter().map(NotificationKind::from).collect(),
        tenants: declared.tenants,
        countries: declared.countries,
        retry: declared.retry.retry()?,
        way,
    })
}

fn reference(text: &str) -> Result<SecretReference, String> {
    SecretReference::of_channel(text).ok_or_else(|| "a secret is not given by reference".to_owned())
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| format!("`{text}` is no e-mail address"))
}

fn keys(secrets: &[SecretReference], folder: Option<&Path>) -> Result<Vec<SigningKey>, String> {
    secrets.iter().map(|secret| SigningKey::read(&secret.resolve(folder)?)).collect()
}

fn slack_address(reference: &SecretReference, folder: Option<&Path>) -> Result<Url, String> {
    let secret = reference.resolve(folder)?;
    Url::parse(secret.expose())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| "the secret is no address, such as Slack gives for an incoming webhook".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "smtp: { url: env:WORKBENCH_NOTIFY_SMTP, from: Onboarding <onboarding@example.org> }
channels:
  - id: ops
    kind: webhook
    url: https://ops.example.org/hooks/workbench
    secret: [env:WORKBENCH_NOTIFY_OPS, env:WORKBENCH_NOTIFY_OPS_NEXT]
    on: [failed]
  - id: team
    kind: slack
    url: file:slack
    countries: [SE, \"NO\"]
    retry: { max_attempts: 3, initial: 1s }
  - id: board
    kind: email
    to: [anna@example.org, Bo <bo@example.org>]
    tenants: [svbf]
";

    fn faults(text: &str) -> Vec<(u32, &'static str)> {
        let found = Channels::load("notifications.yaml", text).expect_err("it has faults");
        found.into_iter().map(|fault| (fault.line, fault.code)).collect()
    }

    #[test]
    fn the_example_is_sound() {
        let channels = Channels::load("notifications.yaml", EXAMPLE).expect("it is sound");
        let seen: Vec<_> = channels
            .iter()
            .map(|channel| (channel.id(), channel.kind().as_str(), channel.kinds().len(), channel.retry.max_attempts))
            .collect();
        assert_eq!(seen, [("ops", "webhook", 1, 10), ("team", "slack", 2, 3), ("board", "email", 2, 10)]);
    }

    #[test]
    fn the_documented_example_is_sound() {
        let manual = include_str!("../../../docs/notifications.md");
        let example = manual.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
        let channels = Channels::load("docs/notifications.md", example.expect("it has an example"));
        assert_eq!(channels.map(|channels| channels.iter().count()), Ok(3));
    }

    #[test]
    fn every_fault_has_its_place() {
        let faulty = EXAMPLE
            .replace("id: team", "id: ops")
            .replace("[failed]", "[failing]")
            .replace("file:slack", "https://hooks.slack.com/services/T0/B0/hunter2")
            .replace("SE", "Sweden")
            .replace("anna@example.org", "anna")
            .replace("max_attempts: 3", "max_attempts: 0");
        let expected = [
            (7, "unknown_value"),
            (8, "duplicate_id"),
            (10, "bad_reference"),
            (11, "bad_country"),
            (12, "out_of_range"),
            (15, "bad_mailbox"),
        ];
        assert_eq!(faults(&faulty), expected);
        let missing = EXAMPLE.lines().skip(1).filter(|line| !line.contains("secret")).collect::<Vec<_>>().join("\n");
        assert_eq!(faults(&missing), [(2, "missing_key"), (11, "no_smtp")]);
    }

    #[test]
    fn a_secret_in_the_file_is_not_repeated() {
        for text in [
            "channels: [{ id: a, kind: webhook, url: 'https://a.example', secret: whsec_hunter2 }]",
            "channels: [{ id: a, kind: webhook, url: 'https://u:hunter2@a.example', secret: env:WORKBENCH_NOTIFY_A }]",
            "channels: [{ id: a, kind: slack, url: 'https://hooks.slack.com/hunter2', colour: red }]",
            "smtp: { url: 'smtps://u:hunter2@mail.example', from: a@b.example }\nchannels: []",
            "channels: [{ id: a, kind: webhook, secret: whsec_hunter2",
        ] {
            let faults = Channels::load("notifications.yaml", text).expect_err("it has faults");
            assert!(faults.iter().all(|fault| !fault.to_string().contains("hunter2")), "{faults:#?}");
        }
    }

    #[test]
    fn secrets_that_cannot_be_used_are_all_named() {
        let channels = Channels::load("notifications.yaml", EXAMPLE).expect("it is sound");
        let wrong = channels.try_secrets(None).expect_err("there are no secrets here");
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong[1].contains("channel `team`") && wrong[1].contains("--notify-secrets"), "{wrong:?}");
    }
}
