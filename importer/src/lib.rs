//! A federation arrives with the files its old systems can write, and those files are never quite what they claim:
//! the encoding differs from the declaration, dates follow a local habit, a ledger misses a brace. This crate reads
//! such files as a stream, in bounded memory, and turns every unit of reading (a CSV line, an XML element, a voucher)
//! into records to store and findings to show, so that people can judge a preview before anything is stored.
//!
//! It knows no HTTP, no SQL, no queue: bytes go in through [`std::io::Read`], [`Item`]s come out of an iterator. The
//! same bytes give the same items in the same order, which lets a loader resume by skipping what it has stored.

mod content;
mod csv_import;
mod decoding;
mod encoding;
mod failure;
mod fipjp;
mod format;
mod import;
mod issue;
mod json;
mod key_memory;
mod lines;
mod packed;
mod profile;
mod profiled;
mod quote_watch;
mod record;
mod record_limit;
mod reference;
mod rows;
mod sie;
mod xml_events;

pub use csv_import::MappingFault;
pub use failure::{OpenError, ReadError};
pub use fipjp::{SignerError, Signers, UnknownSigner};
pub use format::{Entity, Format, UnknownName};
pub use import::{
    Alternative, ConfirmedMapping, Detected, Earlier, Heading, Import, Item, MappedColumn, Notation, Options,
    Previewed, open, open_within,
};
pub use issue::{Issue, Severity};
pub use packed::{PackedFault, UnpackLimits};
pub use profile::{Profile, ProfileFault, profile_schema};
pub use record::{Record, RecordKind};
pub use reference::Reference;

/// Longest line or record read, in bytes of decoded text: 1 MiB. A longer one is hostile or lost a closing quote.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// Most columns a table may have.
pub const MAX_COLUMNS: usize = 1000;
