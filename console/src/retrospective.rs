//! The retrospective: how long onboardings took.

use askama::Template;

/// What the retrospective shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "retrospective.html")]
pub struct RetrospectiveView {
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
