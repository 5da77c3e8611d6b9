//! What can be said about a ledger only once its file has been read to its end.

use super::Ledger;
use crate::issue::Issue;
use crate::sie::MAX_REMEMBERED;

impl Ledger {
    /// The findings about the whole ledger.
    pub(in crate::sie) fn closing_issues(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        if self.budgets {
            issues.push(Issue::warning(
                "budget_skipped",
                0,
                format!("the file holds budgets ({}), which are not imported", self.notation.budget),
                "Nothing to do.",
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
                .column(self.notation.account)
                .value(number)
            }));
        }
        issues.extend(self.objects.undeclared_issues(self.notation));
        issues.extend(self.sums.differences(&self.chart, self.notation));
        // Of vouchers to post, the numbers are the receiver's.
        if self.has_year_end() {
            issues.extend(self.numbers.gaps(self.notation));
        }
        issues.extend(self.beyond_cover());
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
        issues
    }

    fn beyond_cover(&self) -> Option<Issue> {
        let ((row, count), until) = (self.covered.later?, self.covered.until?);
        let issue = Issue::warning(
            "voucher_after_covered_period",
            row,
            format!("{count} vouchers are dated after {until}, where the file says that its period ends"),
            "Check which of the two is meant: the balances may not hold these vouchers.",
        );
        Some(issue.column(self.notation.covered_until).value(&until.to_string()))
    }
}
