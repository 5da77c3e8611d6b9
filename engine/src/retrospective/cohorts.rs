//! Which onboardings are looked at, and which of them belong together.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;

use super::times::{History, Milestone};

/// What cohorts are formed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// Quarter of the cohort's date.
    Quarter,
    /// Month of the cohort's date.
    Month,
    /// The tenant's country.
    Country,
    /// The workflow.
    Workflow,
    /// The tenant's kind.
    Kind,
}

impl GroupBy {
    /// Every one, with its wire name.
    const ALL: [(&'static str, Self); 5] = [
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("country", Self::Country),
        ("workflow", Self::Workflow),
        ("kind", Self::Kind),
    ];

    /// Whether later labels of it mean later onboardings.
    #[must_use]
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::Quarter | Self::Month)
    }
}

impl std::str::FromStr for GroupBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|(name, _)| *name == text).map(|(_, by)| by).ok_or_else(|| {
            format!("`{text}` is nothing to group by; use `quarter`, `month`, `country`, `workflow` or `kind`")
        })
    }
}

/// Which of its dates puts an onboarding into a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CohortDate {
    /// When it was completed; those in flight are in no cohort. Biased where openings grow: the quick ones come first.
    Completed,
    /// When it was opened; those in flight are in their cohort, as open.
    Opened,
}

impl std::str::FromStr for CohortDate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "completed" => Ok(Self::Completed),
            "opened" => Ok(Self::Opened),
            other => Err(format!("`{other}` is no date of a cohort; use `completed` or `opened`")),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// In the order of the label's parts.
    pub group_by: Vec<GroupBy>,
    /// Which date counts.
    pub date: CohortDate,
    /// Zone in which quarters, months and the range begin.
    pub zone: Tz,
    /// Only from this day on.
    pub from: Option<NaiveDate>,
    /// Only up to this day, itself included.
    pub to: Option<NaiveDate>,
    /// Only this country.
    pub country: Option<String>,
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only this kind of tenant.
    pub kind: Option<String>,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            group_by: vec![GroupBy::Quarter],
            date: CohortDate::Completed,
            zone: Tz::UTC,
            from: None,
            to: None,
            country: None,
            workflow: None,
            kind: None,
        }
    }
}

impl Question {
    /// Whether an onboarding is of the country, workflow and kind that are asked for, whatever its dates.
    #[must_use]
    pub fn is_about(&self, history: &History) -> bool {
        let fits = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        fits(&self.country, &history.country)
            && fits(&self.workflow, &history.workflow)
            && fits(&self.kind, &history.kind)
    }

    /// The cohort of an onboarding; `None` where it is in none.
    #[must_use]
    pub fn cohort_of(&self, history: &History) -> Option<String> {
        let at = match self.date {
            CohortDate::Completed => history.reached(Milestone::Completed)?,
            CohortDate::Opened => history.opened_at,
        };
        let date = self.day(at);
        let within = self.from.is_none_or(|from| from <= date) && self.to.is_none_or(|to| date <= to);
        (within && self.is_about(history)).then(|| self.label(history, date))
    }

    /// The day of a moment in the zone.
    #[must_use]
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    fn label(&self, history: &History, date: NaiveDate) -> String {
        let parts: Vec<String> = self
            .group_by
            .iter()
            .map(|by| match by {
                GroupBy::Quarter => format!("{}-Q{}", date.year(), date.month0() / 3 + 1),
                GroupBy::Month => format!("{}-{:02}", date.year(), date.month()),
                GroupBy::Country => history.country.clone(),
                GroupBy::Workflow => history.workflow.clone(),
                GroupBy::Kind => history.kind.clone(),
            })
            .collect();
        parts.join(" / ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{finished, history};
    use super::*;

    fn question(group_by: &[GroupBy]) -> Question {
        Question { group_by: group_by.to_vec(), ..Question::default() }
    }

    #[test]
    fn labels_of_every_group_and_of_several() {
        let told = finished("a", 0, &[("go_live", 97)]);
        let label = |group_by: &[GroupBy]| question(group_by).cohort_of(&told);
        assert_eq!(label(&[GroupBy::Quarter]).as_deref(), Some("2026-Q2"));
        assert_eq!(label(&[GroupBy::Month]).as_deref(), Some("2026-04"));
        let all = [GroupBy::Country, GroupBy::Workflow, GroupBy::Kind, GroupBy::Quarter];
        assert_eq!(label(&all).as_deref(), Some("SE / tenant-onboarding / federation / 2026-Q2"));
    }

    #[test]
    fn the_date_of_a_cohort_is_that_of_completion_or_opening() {
        let opened = Question { date: CohortDate::Opened, ..question(&[GroupBy::Quarter]) };
        assert_eq!(opened.cohort_of(&finished("a", 0, &[("go_live", 97)])).as_deref(), Some("2026-Q1"));
        assert_eq!(opened.cohort_of(&history(&["go_live"])).as_deref(), Some("2026-Q1"));
        assert_eq!(question(&[GroupBy::Quarter]).cohort_of(&history(&["go_live"])), None);
    }

    #[test]
    fn a_quarter_begins_at_midnight_of_the_zone() {
        // Completed on 1 April at 00:00 UTC: still 31 March in New York.
        let told = finished("a", 0, &[("go_live", 90)]);
        let there = Question { zone: Tz::America__New_York, ..question(&[GroupBy::Quarter]) };
        assert_eq!(question(&[GroupBy::Quarter]).cohort_of(&told).as_deref(), Some("2026-Q2"));
        assert_eq!(there.cohort_of(&told).as_deref(), Some("2026-Q1"));
    }

    #[test]
    fn a_range_has_both_its_ends_and_filters_exclude() {
        let told = finished("a", 0, &[("go_live", 31)]);
        let day = NaiveDate::from_ymd_opt(2026, 2, 1);
        let only = Question { from: day, to: day, ..Question::default() };
        assert!(only.cohort_of(&told).is_some());
        assert!(
            Question { from: day.and_then(|day| day.succ_opt()), ..Question::default() }.cohort_of(&told).is_none()
        );
        assert!(Question { to: day.and_then(|day| day.pred_opt()), ..Question::default() }.cohort_of(&told).is_none());
        assert!(Question { country: Some("NO".to_owned()), ..Question::default() }.cohort_of(&told).is_none());
    }
}
