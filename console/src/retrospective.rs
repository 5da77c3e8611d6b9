//! The retrospective: how long onboardings took.

use askama::Template;

/// What the retrospective shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "retrospective.html")]
pub struct RetrospectiveView {
    /// What the latest comparison says, and of which cohorts; none where there is nothing to compare.
    pub verdict: Option<(String, String)>,
    /// Earlier comparisons, latest first: of which cohorts, and what they say.
    pub earlier: Vec<(String, String)>,
    /// What slips in the latest cohort: the question, and the steps with their numbers.
    pub slips: Vec<(String, String)>,
    /// What must be known before the numbers are believed.
    pub cautions: Vec<String>,
    /// Noted changes of the process, newest first.
    pub changes: Vec<ProcessChangeLine>,
    /// How past forecasts did, per workflow.
    pub forecasts: Vec<String>,
    /// What the page is grouped by.
    pub group_by: String,
    /// Which date counts: `completed` or `opened`.
    pub date: String,
    /// Cohorts, in order.
    pub cohorts: Vec<CohortLine>,
    /// How many onboardings are open, and so in no cohort.
    pub in_flight: usize,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A noted change of the process.
#[derive(Debug, Clone)]
pub struct ProcessChangeLine {
    /// When.
    pub at: chrono::DateTime<chrono::Utc>,
    /// What.
    pub title: String,
    /// The comparison of before and after.
    pub words: String,
}

/// A step of a cohort.
#[derive(Debug, Clone, Default)]
pub struct StepFiguresLine {
    /// Step id.
    pub step: String,
    /// How often it was done.
    pub n: usize,
    /// Median of its elapsed days.
    pub median: Option<f64>,
    /// Median of the days in which it was open and not blocked.
    pub active_median: Option<f64>,
    /// Days for which it was blocked, of all onboardings.
    pub blocked_days: f64,
    /// Onboardings whose longest step it was.
    pub longest_in: usize,
}

/// A cohort of completed onboardings.
#[derive(Debug, Clone, Default)]
pub struct CohortLine {
    /// Its name, for example `2026-Q1`.
    pub cohort: String,
    /// How many were completed.
    pub completed: usize,
    /// Median of the days from opening to the completed checklist.
    pub total_median: Option<f64>,
    /// 95 % interval of that median; there is none below six onboardings.
    pub interval: Option<(f64, f64)>,
    /// Median of the days from opening to go-live.
    pub go_live_median: Option<f64>,
    /// The step that took longest.
    pub longest_step: Option<String>,
    /// Those still open, in cohorts by opening.
    pub in_flight: usize,
    /// Its steps, in order.
    pub steps: Vec<StepFiguresLine>,
    /// Slugs of the tenants.
    pub tenants: Vec<String>,
}

/// Width of a bar that is as long as the longest.
const BAR_WIDTH: f64 = 160.0;

impl RetrospectiveView {
    fn place() -> &'static str {
        "retrospective"
    }

    /// Where on the bar so many days are.
    fn across(&self, days: f64) -> String {
        let ends = self.cohorts.iter().flat_map(|cohort| [cohort.total_median, cohort.interval.map(|(_, high)| high)]);
        let longest = ends.flatten().fold(1.0, f64::max);
        format!("{:.1}", days / longest * BAR_WIDTH)
    }

    /// The latest cohort that steps were measured in.
    fn latest(&self) -> Option<&CohortLine> {
        self.cohorts.iter().rev().find(|cohort| !cohort.steps.is_empty())
    }
}

/// The page at `/retrospective`.
pub fn retrospective(view: &RetrospectiveView) -> Result<String, askama::Error> {
    view.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_cohort_says_that_it_has_no_interval() {
        let cohort = CohortLine {
            cohort: "2026-Q1".to_owned(),
            completed: 3,
            total_median: Some(27.5),
            tenants: vec!["alnor".to_owned()],
            ..CohortLine::default()
        };
        let page = retrospective(&RetrospectiveView { cohorts: vec![cohort], ..RetrospectiveView::default() }).unwrap();
        assert!(page.contains("27.5"));
        assert!(page.contains("needs 6 or more"));
        assert!(page.contains("href=\"/onboarding/alnor\""));
    }

    #[test]
    fn the_verdict_comes_before_the_tables() {
        let view = RetrospectiveView {
            verdict: Some(("2026-Q1 to 2026-Q2".to_owned(), "improved by 11 days (3 to 19), n = 18/21".to_owned())),
            slips: vec![("Longest median".to_owned(), "Import data".to_owned())],
            cohorts: vec![CohortLine {
                steps: vec![StepFiguresLine { step: "import_data".to_owned(), n: 18, ..StepFiguresLine::default() }],
                ..CohortLine::default()
            }],
            ..RetrospectiveView::default()
        };
        let page = retrospective(&view).unwrap();
        let places = ["improved by 11 days (3 to 19)", "Longest median", "<table"].map(|text| page.find(text));
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    }

    #[test]
    fn the_longest_bar_is_full() {
        let cohorts =
            vec![CohortLine { total_median: Some(20.0), interval: Some((10.0, 40.0)), ..CohortLine::default() }];
        let view = RetrospectiveView { cohorts, ..RetrospectiveView::default() };
        assert_eq!([view.across(40.0), view.across(20.0)], ["160.0", "80.0"]);
    }

    #[test]
    fn an_empty_retrospective_says_when_it_begins() {
        assert!(retrospective(&RetrospectiveView::default()).unwrap().contains("No onboarding has been completed"));
    }
}
