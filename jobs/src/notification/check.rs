//! Every fault of the channels' file, found on the tree before it becomes channels.

use std::collections::BTreeSet;

use lettre::message::Mailbox;
use url::Url;
use workbench_engine::definition::duration;
use workbench_positions::{Fault, Faults, Member, Node, Shape, allowed, needed};

use crate::secret::{NOTIFICATION_FORMS, SecretReference};

const MOST_ATTEMPTS: i64 = 50;
/// Most secrets that sign at once: each is a signature in a header.
const MOST_SECRETS: usize = 4;

const DURATION: Shape = Shape::Duration { accepts: |text| duration::parse(text).is_ok(), such_as: "5s, 10m or 20h" };

const FILE: &[Member] = &[allowed("smtp", Shape::Inner), needed("channels", Shape::List)];

const SMTP: &[Member] = &[needed("url", Shape::Text), needed("from", Shape::Text)];

const CHANNEL: &[Member] = &[
    needed("id", Shape::Text),
    needed("kind", Shape::OneOf(&["webhook", "slack", "email"])),
    allowed("url", Shape::Text),
    allowed("secret", Shape::Texts),
    allowed("to", Shape::TextList),
    allowed("on", Shape::TextList),
    allowed("tenants", Shape::TextList),
    allowed("countries", Shape::TextList),
    allowed("retry", Shape::Inner),
];

const RETRY: &[Member] = &[
    allowed("max_attempts", Shape::Whole { from: 1, to: MOST_ATTEMPTS }),
    allowed("initial", DURATION),
    allowed("factor", Shape::Number { from: 1.0, to: 100.0 }),
    allowed("max", DURATION),
    allowed("jitter", Shape::Number { from: 0.0, to: 1.0 }),
];

/// What a kind of channel must have, and what it has no use for.
const MANNERS: [(&str, &[&str], &[&str]); 3] = [
    ("webhook", &["url", "secret"], &["to"]),
    ("slack", &["url"], &["secret", "to"]),
    ("email", &["to"], &["url", "secret"]),
];

/// All faults, in no particular order.
pub(super) fn check(root: &Node) -> Faults {
    let mut faults = Faults::default();
    if !faults.mapping(root, "a file of channels", FILE) {
        return faults;
    }
    if let Some(smtp) = root.get("smtp")
        && faults.mapping(smtp, "`smtp`", SMTP)
    {
        reference(&mut faults, smtp.get("url"));
        mailbox(&mut faults, smtp.get("from"));
    }
    let mut ids: Vec<&str> = Vec::new();
    for channel in root.get("channels").map(Node::items).unwrap_or_default() {
        if let Some((node, id)) = channel.text_of("id") {
            if ids.contains(&id) {
                let cause = format!("there are two channels `{id}`");
                faults.add(node.at, "duplicate_id", cause, "Give one of the two another id.");
            }
            ids.push(id);
        }
        if faults.mapping(channel, "a channel", CHANNEL) {
            check_channel(&mut faults, channel, root.get("smtp").is_some());
        }
    }
    faults
}

fn check_channel(faults: &mut Faults, channel: &Node, has_smtp: bool) {
    if let Some((node, id)) = channel.text_of("id")
        && !is_id(id)
        && !id.trim().is_empty()
    {
        let cause = format!("`{id}` cannot be an id: small letters, digits, `-` and `_` only, a letter or digit first");
        faults.add(node.at, "bad_id", cause, "Write one such as `id: ops`.");
    }
    let kind = channel.text_of("kind").map_or("", |(_, kind)| kind);
    if let Some((_, wanted, useless)) = MANNERS.iter().find(|(name, ..)| *name == kind) {
        for key in wanted.iter().filter(|key| channel.get(key).is_none()) {
            let cause = format!("a channel of the kind `{kind}` needs `{key}`");
            faults.add(channel.at, "missing_key", cause, format!("Add `{key}: …`."));
        }
        for (key, at, _) in channel.members().iter().filter(|(key, ..)| useless.contains(&key.as_str())) {
            let cause = format!("a channel of the kind `{kind}` has no use for `{key}`");
            faults.add(*at, "key_mismatch", cause, format!("Take `{key}` away, or change `kind`."));
        }
    }
    match kind {
        "webhook" => {
            address(faults, channel.get("url"));
            let secret = channel.get("secret");
            for one in secret.into_iter().flat_map(texts) {
                reference(faults, Some(one));
            }
            if let Some(list) = secret.filter(|list| list.items().len() > MOST_SECRETS) {
                let cause = format!("there are {} secrets", list.items().len());
                faults.add(list.at, "too_many", cause, format!("Keep at most {MOST_SECRETS}."));
            }
        }
        "slack" => reference(faults, channel.get("url")),
        "email" => {
            for one in channel.get("to").map(Node::items).unwrap_or_default() {
                mailbox(faults, Some(one));
            }
            if !has_smtp {
                let suggestion = "Add `smtp: { url: env:WORKBENCH_NOTIFY_SMTP, from: … }` to the file.";
                faults.add(channel.at, "no_smtp", "e-mail needs a server, and the file has no `smtp`", suggestion);
            }
        }
        _ => {}
    }
    for key in ["to", "on", "tenants", "countries"] {
        if let Some(list) = channel
            .get(key)
            .filter(|list| matches!(&list.value, workbench_positions::Value::List(items) if items.is_empty()))
        {
            let cause = format!("`{key}` is empty");
            faults.add(list.at, "empty_list", cause, format!("Write at least one, or leave `{key}` out."));
        }
    }
    for on in channel.get("on").map(Node::items).unwrap_or_default() {
        faults.shape("on", on, Shape::OneOf(&["failed", "recovered"]));
    }
    for country in channel.get("countries").map(Node::items).unwrap_or_default() {
        if let Some(text) = country.text()
            && !(text.len() == 2 && text.chars().all(|c| c.is_ascii_uppercase()))
        {
            let suggestion = "Write its two capital letters (ISO 3166), such as SE, in quotes where it is NO.";
            faults.add(country.at, "bad_country", format!("`{text}` is no country"), suggestion);
        }
    }
    if let Some(retry) = channel.get("retry") {
        faults.mapping(retry, "`retry`", RETRY);
    }
}

fn is_id(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    first && text.len() <= 63 && text.chars().all(fits)
}

/// A text, or the elements of a list.
fn texts(node: &Node) -> Vec<&Node> {
    if node.text().is_some() { vec![node] } else { node.items().iter().collect() }
}

/// What stands there may be a secret, so it is not repeated.
fn reference(faults: &mut Faults, node: Option<&Node>) {
    if let Some(node) = node
        && let Some(text) = node.text()
        && SecretReference::of_channel(text).is_none()
    {
        faults.add(node.at, "bad_reference", "this is no reference to a secret", NOTIFICATION_FORMS);
    }
}

fn mailbox(faults: &mut Faults, node: Option<&Node>) {
    if let Some(node) = node
        && let Some(text) = node.text()
        && text.parse::<Mailbox>().is_err()
    {
        let suggestion = "Write one such as ops@example.org, or `Onboarding <onboarding@example.org>`.";
        faults.add(node.at, "bad_mailbox", format!("`{text}` is no e-mail address"), suggestion);
    }
}

fn address(faults: &mut Faults, node: Option<&Node>) {
    let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) else { return };
    let sound = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let suggestion = "Write one such as https://ops.example.org/hooks/workbench, without user and password.";
    match sound {
        None => faults.add(node.at, "bad_address", "this is no address of a receiver", suggestion),
        Some(url) if !url.username().is_empty() || url.password().is_some() => {
            faults.add(node.at, "bad_address", "the address has a user or a password in it", suggestion);
        }
        Some(_) => {}
    }
}

/// Takes the text of lines out of faults where a secret may stand in it: faults are printed and logged.
pub(super) fn without_secrets(mut faults: Vec<Fault>, root: Option<&Node>) -> Vec<Fault> {
    let mut hidden = BTreeSet::new();
    if let Some(root) = root {
        let channels = root.get("channels").map(Node::items).unwrap_or_default();
        for holder in root.get("smtp").into_iter().chain(channels) {
            for node in ["url", "secret"].into_iter().filter_map(|key| holder.get(key)) {
                hidden
                    .extend(texts(node).into_iter().chain([node]).filter(|one| !is_shown(one)).map(|one| one.at.line));
            }
        }
    }
    for fault in &mut faults {
        // A file that is no YAML has no tree to find secrets in.
        let unreadable =
            root.is_none() && ["secret", "url", "whsec_", "://"].iter().any(|word| fault.excerpt.contains(word));
        // A key that was mistyped may have been one of a secret.
        let mistyped = fault.code == "unknown_key";
        if unreadable || mistyped || hidden.contains(&fault.line) {
            "(not shown: there may be a secret in this line)".clone_into(&mut fault.excerpt);
        }
    }
    faults
}

/// Whether a value is a reference, or the plain address of a webhook.
fn is_shown(node: &Node) -> bool {
    let Some(text) = node.text() else { return !node.items().is_empty() };
    let plain = |url: Url| {
        url.password().is_none()
            && matches!(url.scheme(), "http" | "https")
            && url.host_str() != Some("hooks.slack.com")
    };
    SecretReference::of_channel(text).is_some() || Url::parse(text).is_ok_and(plain)
}
