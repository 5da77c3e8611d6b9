//! Notifications: the channels that operators declare, and what goes through them.
//!
//! Channels are a YAML file beside the workflows, documented in `docs/notifications.md`. Secrets are in it by reference
//! only; they are resolved at the moment of sending, so that one that was rotated is used at once.

mod channel;
mod check;
mod declaration;
mod email;
mod message;
mod post;
mod signature;

pub use channel::{Channel, ChannelKind, Channels, SendFailure};
pub use declaration::notification_schema;
pub use message::Message;
