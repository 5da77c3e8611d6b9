//! JSON, read strictly and in bounded memory: a scanner that finds its way through a stream and cuts values out of it,
//! and a parser for one value that was cut out.
//!
//! A parser of our own, because what matters about a stranger's file is what others pass over: a key that stands
//! twice, half a character, a number's digits as they are written.

mod canonical;
mod scanner;
mod value;

pub(crate) use canonical::{canonical, write_inside, write_text};
pub(crate) use scanner::Scanner;
pub(crate) use value::{JsonFault, JsonValue, parse};

/// Deepest nesting of objects and lists read.
pub(crate) const MAX_DEPTH: usize = 64;

/// Most values in one text that is held in memory: a few bytes of text can make many bytes of values.
pub(crate) const MAX_VALUES: usize = 200_000;
