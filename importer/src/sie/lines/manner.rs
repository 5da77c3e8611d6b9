//! Ways of writing that the format does not have and that change no meaning: said once per file.

use crate::issue::Issue;
use crate::lines::Manner;

/// Where a file first deviates in its way of writing.
#[derive(Debug, Default)]
pub(super) struct WayOfWriting {
    lower_case: Option<u64>,
    tabs: Option<u64>,
}

impl WayOfWriting {
    /// Looks at the line of a record.
    pub(super) fn note(&mut self, row: u64, text: &str) {
        let text = text.trim();
        if self.tabs.is_none() && text.contains('\t') {
            self.tabs = Some(row);
        }
        if self.lower_case.is_none() {
            let mut label = text.chars().take_while(|character| !character.is_whitespace());
            if label.any(char::is_lowercase) {
                self.lower_case = Some(row);
            }
        }
    }

    /// What was found, with how the lines were ended.
    pub(super) fn issues(&self, lines: Manner) -> Vec<Issue> {
        let nothing = "Nothing to do: the file is read as it is meant.";
        let found = [
            (self.lower_case, "label_lower_case", "labels are written in small letters"),
            (self.tabs, "tab_separated", "fields are separated by tabs"),
            (lines.is_mixed().then_some(0), "line_ends_mixed", "lines end in different ways"),
            (lines.ctrl_z, "ctrl_z", "a Ctrl-Z marks the end of the text, as old systems did"),
        ];
        found
            .into_iter()
            .filter_map(|(row, code, message)| Some(Issue::warning(code, row?, message, nothing)))
            .collect()
    }
}
