//! Messages by e-mail.

use std::net::IpAddr;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Mail};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use url::{Host, Url};
use workbench_probes::Secret;

use super::channel::SendFailure;
use super::message::Message;

/// How long the server may take for one command.
const COMMAND: Duration = Duration::from_secs(20);
/// How long the server may take in all.
const DIALOGUE: Duration = Duration::from_mins(1);
/// Longest answer of a server that is repeated, in characters.
const TOLD: usize = 200;

/// What connects to the server behind an address. An error does not show it: there is a password in it.
pub(super) fn transport(url: &Secret, from: &Mailbox) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    if sends_password_in_clear(url.expose()) {
        return Err("the mail server's address has a password and no encryption: write smtps://, or add ?tls=required"
            .to_owned());
    }
    let name = ClientId::Domain(from.email.domain().to_owned());
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
        .map(|builder| builder.hello_name(name).timeout(Some(COMMAND)).build())
        .map_err(|_| {
            "the secret is no address of a mail server, such as smtps://user:password@mail.example:465".to_owned()
        })
}

/// Whether a password would go over a network for all to read.
fn sends_password_in_clear(address: &str) -> bool {
    let Ok(address) = Url::parse(address) else { return false };
    let is_required = address.query_pairs().any(|(key, value)| key == "tls" && value == "required");
    let is_near = match address.host() {
        Some(Host::Ipv4(host)) => host.is_loopback(),
        Some(Host::Ipv6(host)) => host.is_loopback(),
        // In an address that is none of the web's, a number is a name to the parser.
        Some(Host::Domain(name)) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|host| host.is_loopback()),
        None => false,
    };
    address.scheme() == "smtp" && address.password().is_some() && !is_required && !is_near
}

/// Sends a message; its `Message-ID` is the same in every attempt.
pub(super) async fn send(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    from: &Mailbox,
    to: &[Mailbox],
    message: &Message,
) -> Result<(), SendFailure> {
    let id = format!("<{}@{}>", message.id, from.email.domain());
    // A line break in a tenant's name must not become a header.
    let subject = message.title.replace(char::is_control, " ");
    let mut mail = Mail::builder().from(from.clone()).message_id(Some(id)).subject(subject);
    for recipient in to {
        mail = mail.to(recipient.clone());
    }
    let mail = mail
        .header(ContentType::TEXT_PLAIN)
        .body(message.text())
        .map_err(|error| SendFailure::Never(format!("the e-mail could not be written: {error}")))?;
    match tokio::time::timeout(DIALOGUE, transport.send(mail)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            let said: String = error.to_string().chars().take(TOLD).collect();
            let message = format!("the mail server did not take the e-mail: {said}");
            // A lasting refusal of the server; whatever else went wrong may pass.
            Err(if error.is_permanent() {
                SendFailure::Never(message)
            } else {
                SendFailure::Later { message, wait: None }
            })
        }
        Err(_) => {
            let message = "the mail server did not answer in time".to_owned();
            Err(SendFailure::Later { message, wait: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_goes_over_a_network_in_the_clear() {
        for (address, is_clear) in [
            ("smtp://u:p@mail.example:25", true),
            ("smtp://u:p@mail.example:587?tls=opportunistic", true),
            ("smtp://u:p@mail.example:587?tls=required", false),
            ("smtps://u:p@mail.example:465", false),
            ("smtp://mail.example:25", false),
            ("smtp://u:p@127.0.0.1:2525", false),
            ("smtp://u:p@[::1]:2525", false),
            ("smtp://u:p@localhost:2525", false),
        ] {
            assert_eq!(sends_password_in_clear(address), is_clear, "{address}");
        }
    }
}
