//! A harness for black-box tests: the real binary, and private Redis, Postgres and S3 servers.
//!
//! Everything runs on free ports in temporary folders and ends with the test. Nothing here looks into the
//! product: tests see what users see, over HTTP and the command line. Only what judges after [`faults`] reads the database, so
//! that it depends on nothing that it judges.

mod binary;
mod bucket;
mod client;
mod daemon;
mod eventually;
pub mod faults;
mod files;
mod postgres;
mod receiver;
mod redis;
mod setting;
mod signal;
mod visitor;

pub use binary::workbench;
pub use bucket::Bucket;
pub use client::{Answer, Client, Content};
pub use daemon::Daemon;
pub use eventually::eventually;
pub use files::{ledger, members};
pub use postgres::Postgres;
pub use receiver::{Received, Receiver, Reply};
pub use redis::Redis;
pub use setting::{Setting, WALK_LIMIT};
pub use visitor::{Page, Visitor};
