//! SIE, the Swedish accounting exchange, in both of its notations: lines with labels (types 1 to 4) and XML (SIE 5).
//!
//! A notation takes its file apart; what accounts, objects, balances and vouchers become, and what a bookkeeper expects
//! of them, is decided for both in [`ledger`].

mod elements;
mod ledger;
mod lines;

pub(crate) use elements::{SieElements, root_of};
pub(crate) use lines::{SieLines, is_known_label};

/// Longest account number taken for one, in characters.
const LONGEST_ACCOUNT: usize = 50;

/// Unknown names remembered, and accounts and objects listed as undeclared, at most.
const MAX_REMEMBERED: usize = 1000;
