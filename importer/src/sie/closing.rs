//! What can be said about a SIE file only once it has been read to its end.

use super::{MAX_REMEMBERED, SieImport};
use crate::import::decoding_issue;
use crate::issue::Issue;

impl SieImport {
    /// The findings about the whole file, once its lines have ended.
    pub(super) fn closing_issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        self.missing_records(&mut issues);
        if self.labels_seen.contains("#PBUDGET") {
            issues.push(Issue::warning(
                "budget_skipped",
                0,
                "the file holds budgets (#PBUDGET), which are not imported",
                "Nothing to do.",
            ));
        }
        if self.checksum.is_some() {
            issues.push(Issue::warning(
                "ksumma_unclosed",
                0,
                "a checksum is opened (#KSUMMA) and never stated",
                "Check that the file was not cut.",
            ));
        }
        // A file of vouchers to post need not declare the receiver's accounts.
        if !self.chart.is_empty() {
            let undeclared = self.chart.undeclared();
            issues.extend(undeclared.into_iter().take(MAX_REMEMBERED).map(|(number, row)| {
                Issue::warning(
                    "account_undeclared",
                    row,
                    format!("account {number} is used and not declared"),
                    "The amounts are kept; add the account to the chart.",
                )
                .column("#KONTO")
                .value(number)
            }));
        }
        issues.extend(self.objects.undeclared_issues());
        issues.extend(self.sums.differences(&self.chart));
        if let Some((row, count)) = self.letters_lost {
            issues.push(Issue::warning(
                "letters_lost",
                row,
                format!("letters were lost on {count} lines before the file came here"),
                "Export again from the program and send that file, without opening it in between.",
            ));
        }
        if self.keys.overflowed() {
            issues.push(Issue::warning(
                "duplicate_check_limited",
                0,
                "the file has more vouchers and balances than are remembered; late duplicates were not looked for",
                "Split the file by fiscal year.",
            ));
        }
        issues.extend(decoding_issue(&self.notes, &self.encoding, "CP437"));
        issues
    }

    fn missing_records(&self, issues: &mut Vec<Issue>) {
        if !self.labels_seen.contains("#SIETYP") {
            issues.push(Issue::warning(
                "sie_type_missing",
                0,
                "the file does not state its type (#SIETYP); it counts as type 1",
                "Nothing to do if the preview shows what was expected.",
            ));
        }
        let vouchers_only = self.sie_type == "4" && !self.sums.has_year_end();
        let mut mandatory = vec!["#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#FNAMN"];
        if vouchers_only {
            mandatory.push("#VER");
        } else {
            mandatory.extend(["#RAR", "#KONTO"]);
        }
        for label in mandatory.into_iter().filter(|label| !self.labels_seen.contains(label)) {
            issues.push(
                Issue::warning(
                    "record_missing",
                    0,
                    format!("the mandatory record {label} is missing"),
                    "Nothing to do if the preview shows what was expected; the program that wrote the file is at fault.",
                )
                .column(label),
            );
        }
    }
}
