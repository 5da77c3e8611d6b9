//! What can be said about the lines of a file only once it has been read to its end.

use super::{LINES, SieLines};
use crate::import::decoding_issue;
use crate::issue::Issue;

impl SieLines {
    /// The findings about the whole file, once its lines have ended.
    pub(super) fn closing_issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        self.missing_records(&mut issues);
        if self.checksum.is_some() {
            issues.push(Issue::warning(
                "ksumma_unclosed",
                0,
                "a checksum is opened (#KSUMMA) and never stated",
                "Check that the file was not cut.",
            ));
        }
        issues.extend(self.way_of_writing.issues(self.lines.manner()));
        issues.extend(self.ledger.closing_issues());
        issues.extend(decoding_issue(&self.notes, &self.encoding, LINES.fallback));
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
        let vouchers_only = self.sie_type == "4" && !self.ledger.has_year_end();
        let mut mandatory = vec!["#FLAGGA", "#PROGRAM", "#FORMAT", "#GEN", "#FNAMN"];
        if vouchers_only {
            mandatory.push("#VER");
        } else {
            mandatory.extend(["#RAR", "#KONTO", "#UB", "#RES"]);
            mandatory.extend(match self.sie_type.as_str() {
                "2" | "3" => Some("#PSALDO"),
                "4" => Some("#VER"),
                _ => None,
            });
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
