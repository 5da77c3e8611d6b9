//! What a row of members or clubs may say, whatever file it comes from: the fields with their names and kinds, the
//! cleaning of single values, and the judgement of a whole row. Every format decides about a value here and nowhere
//! else, so that the same value is never good in a table and bad in a JSON file.

pub(crate) mod cleaning;
pub(crate) mod fields;
mod judgement;
mod plain;

pub(crate) use cleaning::{Cleaner, DateOrder, trimmed};
pub(crate) use fields::{FieldKind, FieldSpec};
pub(crate) use judgement::{Judge, JudgedColumn, RowRules, Values, Weighed, WeighedRows};
pub(crate) use plain::{is_plain, is_plain_but};
