//! Remembers which numbers the vouchers of each series have, so that a number left out shows.

use std::collections::{BTreeMap, BTreeSet};

use super::notation::Notation;
use crate::issue::{Issue, shorten};

/// Series remembered, and stretches of numbers in all of them, at most. A series without gaps is one stretch, in
/// whatever order its vouchers come.
const MAX_SERIES: usize = 1000;
const MAX_STRETCHES: usize = 50_000;

/// Missing numbers named for a series at most.
const NAMED: usize = 5;

/// The numbers of a file's vouchers.
#[derive(Debug, Default)]
pub(in crate::sie) struct VoucherNumbers {
    /// For each series, the stretches of numbers seen: first to last.
    series: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Series with a number that is none: nothing can be said about gaps.
    unordered: BTreeSet<String>,
    stretches: usize,
    incomplete: bool,
}

impl VoucherNumbers {
    /// Notes the number of a voucher.
    pub(in crate::sie) fn note(&mut self, series: &str, number: &str) {
        if self.incomplete || self.unordered.contains(series) {
            return;
        }
        let whole = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse::<u64>().ok()).flatten();
        let Some(number) = whole else {
            self.stretches -= self.series.remove(series).map_or(0, |stretches| stretches.len());
            self.unordered.insert(series.to_owned());
            self.incomplete |= self.unordered.len() > MAX_SERIES;
            return;
        };
        let stretches = self.series.entry(series.to_owned()).or_default();
        let before = stretches.len();
        let below = stretches.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if below.is_some_and(|(_, last)| number <= last) {
            return;
        }
        let first = match below {
            Some((first, last)) if number.checked_sub(1) == Some(last) => first,
            _ => number,
        };
        let last = number.checked_add(1).and_then(|next| stretches.remove(&next)).unwrap_or(number);
        stretches.insert(first, last);
        self.stretches = self.stretches + stretches.len() - before;
        self.incomplete |= self.series.len() > MAX_SERIES || self.stretches > MAX_STRETCHES;
    }

    /// A warning for each series with numbers missing between its first and its last.
    pub(in crate::sie) fn gaps(&self, notation: &Notation) -> Vec<Issue> {
        if self.incomplete {
            return Vec::new();
        }
        let gap = |(series, stretches): (&String, &BTreeMap<u64, u64>)| {
            let next = stretches.iter().skip(1);
            let gaps: Vec<(u64, u64)> =
                stretches.iter().zip(next).map(|((_, last), (first, _))| (last + 1, first - 1)).collect();
            let missing: u64 = gaps.iter().map(|(from, to)| to - from + 1).sum();
            let mut named: Vec<String> = gaps
                .iter()
                .take(NAMED)
                .map(|(from, to)| if from == to { from.to_string() } else { format!("{from}–{to}") })
                .collect();
            if gaps.len() > NAMED {
                named.push("…".to_owned());
            }
            (missing > 0).then(|| {
                Issue::warning(
                    "voucher_number_gap",
                    0,
                    format!("series “{}” leaves out {missing} of its numbers: {}", shorten(series), named.join(", ")),
                    "Check that the export holds every voucher of the year; a number may also have been struck out.",
                )
                .column(notation.voucher)
                .value(series)
            })
        };
        self.series.iter().filter_map(gap).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::notation::LINES;
    use super::*;

    fn messages(numbers: &[(&str, &str)]) -> Vec<String> {
        let mut known = VoucherNumbers::default();
        for (series, number) in numbers {
            known.note(series, number);
        }
        known.gaps(&LINES).into_iter().map(|issue| issue.message).collect()
    }

    #[test]
    fn numbers_left_out_are_named() {
        assert_eq!(messages(&[("A", "3"), ("A", "1"), ("A", "2"), ("B", "7"), ("B", "7")]), Vec::<String>::new());
        let found = messages(&[("A", "9"), ("A", "1"), ("A", "3"), ("A", "18446744073709551615")]);
        assert_eq!(
            found,
            ["series “A” leaves out 18446744073709551611 of its numbers: 2, 4–8, 10–18446744073709551614"]
        );
        assert_eq!(messages(&[("A", "1"), ("A", "5"), ("A", "x"), ("A", "9")]), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn stretches_agree_with_a_plain_set(numbers in proptest::collection::vec(0_u64..60, 1..60)) {
            let mut known = VoucherNumbers::default();
            for number in &numbers {
                known.note("A", &number.to_string());
            }
            let set: BTreeSet<u64> = numbers.iter().copied().collect();
            let span = set.last().expect("one") - set.first().expect("one") + 1;
            let missing = usize::try_from(span).expect("small") - set.len();
            let stated = known.gaps(&LINES).first().map_or(0, |issue| {
                issue.message.split(' ').nth(4).and_then(|count| count.parse().ok()).expect("a count")
            });
            prop_assert_eq!(stated, missing);
        }
    }
}
