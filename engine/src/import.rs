//! The life of an import: which state follows which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Uploaded; nobody has read it yet.
    Queued,
    /// Being read for the preview.
    Parsing,
    /// Read; waits for a person to confirm.
    Preview,
    /// Confirmed; being stored.
    Loading,
    /// Stored.
    Completed,
    /// Could not be read or stored.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// Stored once; being undone.
    RollingBack,
    /// Stored once, then undone.
    RolledBack,
}

impl ImportState {
    const ALL: [Self; 9] = [
        Self::Queued,
        Self::Parsing,
        Self::Preview,
        Self::Loading,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::RollingBack,
        Self::RolledBack,
    ];

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Parsing => "parsing",
            Self::Preview => "preview",
            Self::Loading => "loading",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
        }
    }

    /// What is said of an import in this state, behind “the import”.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Queued => "has not been read yet",
            Self::Parsing => "is being read",
            Self::Preview => "waits for a confirmation",
            Self::Loading => "is being stored",
            Self::Completed => "is stored",
            Self::Failed => "has failed",
            Self::Cancelled => "was cancelled",
            Self::RollingBack => "is being undone",
            Self::RolledBack => "was undone",
        }
    }

    /// What cannot be done with an import that cannot come to this state, behind “it cannot be”.
    #[must_use]
    pub fn as_deed(self) -> &'static str {
        match self {
            Self::Queued | Self::Parsing | Self::Preview => "read again",
            Self::Loading => "confirmed",
            Self::Completed => "completed",
            Self::Failed => "given up",
            Self::Cancelled => "cancelled",
            Self::RollingBack | Self::RolledBack => "undone",
        }
    }

    /// It writes, or waits for its turn to write, the tenant's records.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Loading | Self::RollingBack)
    }

    /// Nothing more happens to it by itself.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::RolledBack)
    }

    /// Whether reviving its dead job may revive the import. Nothing else does: confirming a failed import, for
    /// one, would store what was never read.
    #[must_use]
    pub fn may_be_revived(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled)
    }

    /// Whether an import may go from here to there by itself. A step that is repeated after a crash stays where it is. Two
    /// ways back exist that people ask for: reviving its job, and reading it again with another mapping.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use ImportState::{Cancelled, Completed, Failed, Loading, Parsing, Preview, Queued, RolledBack, RollingBack};
        matches!(
            (self, next),
            (Queued | Parsing, Parsing)
                | (Parsing, Preview)
                | (Preview | Loading, Loading)
                | (Loading, Completed)
                | (Completed | RollingBack, RollingBack)
                | (RollingBack, RolledBack)
                | (Queued | Parsing | Loading, Failed)
                | (Queued | Parsing | Preview | Loading, Cancelled)
        )
    }
}

impl fmt::Display for ImportState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ImportState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| format!("`{text}` is no import state"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_stays_ended_but_for_a_rollback() {
        for from in ImportState::ALL.into_iter().filter(|state| state.is_terminal()) {
            let next: Vec<_> = ImportState::ALL.into_iter().filter(|to| from.may_become(*to)).collect();
            let expected: &[_] = if from == ImportState::Completed { &[ImportState::RollingBack] } else { &[] };
            assert_eq!(next, expected, "{from}");
        }
    }

    #[test]
    fn nothing_is_loaded_without_a_preview() {
        let before: Vec<_> =
            ImportState::ALL.into_iter().filter(|from| from.may_become(ImportState::Loading)).collect();
        assert_eq!(before, [ImportState::Preview, ImportState::Loading]);
    }
}
