//! The retrospective as it travels. Durations are days.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workbench_engine::retrospective::order_statistics::Durations;
use workbench_engine::retrospective::process_change::BeforeAfter;
use workbench_engine::retrospective::report::{Cohort, Comparison, GoLive, Retrospective, StepFigures};
use workbench_engine::retrospective::slips::Slips;
use workbench_engine::retrospective::survival::LogRank;
use workbench_engine::retrospective::verdict::{Outcome, Verdict};

/// How long onboardings took, by cohort.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RetrospectiveView {
    /// In order of their name.
    pub cohorts: Vec<CohortView>,
    /// Each cohort against the one before it of the same country, workflow and kind.
    pub comparisons: Vec<ComparisonView>,
    /// Onboardings still open, whatever their dates.
    pub in_flight: usize,
    /// Onboardings given up, whatever their dates.
    pub cancelled: usize,
    /// What must be known before the numbers are believed.
    pub cautions: Vec<String>,
}

/// Onboardings that belong together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CohortView {
    /// `2026-Q4`, `SE`, or several of these joined by ` / `.
    pub cohort: String,
    /// Completed onboardings.
    pub completed: usize,
    /// Those still open; always 0 in cohorts by completion.
    pub in_flight: usize,
    /// Those given up.
    pub cancelled: usize,
    /// Opening to completion, of those completed.
    pub total_days: DurationsView,
    /// Opening to go-live, of those live.
    pub time_to_go_live: DurationsView,
    /// Opening to the tenant's first member.
    pub time_to_first_member: DurationsView,
    /// Opening to the tenant's first transaction.
    pub time_to_first_transaction: DurationsView,
    /// How many are live by when, those in flight included; only in cohorts by opening.
    pub go_live: Option<GoLiveView>,
    /// Per step. Step medians do not add up to the total.
    pub steps: Vec<StepDurationsView>,
    /// The step with the longest median.
    pub longest_step: Option<String>,
    /// What slips: three questions with three answers.
    pub slips: SlipsView,
    /// Whose onboardings these are.
    pub tenants: Vec<String>,
}

/// How many of a cohort are live by when.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GoLiveView {
    /// Onboardings of the cohort.
    pub n: usize,
    /// Those that are not live yet.
    pub open: usize,
    /// Median by Kaplan–Meier; none while more than half are open.
    pub median: Option<f64>,
    /// Lower end of the median's 95 % interval; none below n = 6.
    pub median_low: Option<f64>,
    /// Upper end; none where it is not known yet.
    pub median_high: Option<f64>,
    /// Share that is live by a day: a cumulative incidence, in which who was given up is never live.
    pub live_by: Vec<LiveByView>,
}

/// A share that is live by a day.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LiveByView {
    /// Days after opening.
    pub day: u32,
    /// Between 0 and 1.
    pub share: f64,
}

/// One step over a cohort.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StepDurationsView {
    /// Step id.
    pub step: String,
    /// First start to completion.
    pub days: DurationsView,
    /// Time in which it was open and not blocked.
    pub active_days: DurationsView,
    /// Days for which it was blocked, of all onboardings together.
    pub blocked_days: f64,
    /// The same per reason, longest first, the ten longest.
    pub blocked_by_reason: Vec<BlockedView>,
    /// How often it was taken up again.
    pub reopened: usize,
    /// Onboardings that left it out.
    pub skipped: usize,
    /// Onboardings whose longest step it was, alone or together with others.
    pub longest_in: usize,
    /// Its part of all days that steps took, between 0 and 1.
    pub share: Option<f64>,
}

/// What a step waited for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BlockedView {
    /// The blocking reason.
    pub reason: String,
    /// Days.
    pub days: f64,
}

/// Order statistics of durations, in days.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DurationsView {
    /// How many durations.
    pub n: usize,
    /// The median.
    pub median: Option<f64>,
    /// First quartile, from n = 4.
    pub p25: Option<f64>,
    /// Third quartile, from n = 4.
    pub p75: Option<f64>,
    /// Ninth decile, from n = 10.
    pub p90: Option<f64>,
    /// Exact 95 % interval of the median; none below n = 6.
    pub median_interval: Option<Vec<f64>>,
}

/// Which step slips.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SlipsView {
    /// The step with the longest median.
    pub longest_median: Option<LongestMedianView>,
    /// The step that was the longest of its onboarding most often.
    pub most_often_longest: Option<MostOftenLongestView>,
    /// The step whose duration grew most, against the cohort before.
    pub grew_most: Option<GrewMostView>,
}

/// The step with the longest median.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LongestMedianView {
    /// Step id.
    pub step: String,
    /// Its median.
    pub median: f64,
    /// Durations behind it.
    pub n: usize,
}

/// The step that was the longest most often.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MostOftenLongestView {
    /// Step ids: several where they were so equally often.
    pub steps: Vec<String>,
    /// In how many onboardings.
    pub onboardings: usize,
    /// Of how many.
    pub of: usize,
}

/// The step that grew most.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GrewMostView {
    /// Step id.
    pub step: String,
    /// How it compares.
    pub verdict: VerdictView,
}

/// A comparison of durations.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VerdictView {
    /// `improved`, `slower`, `no_evidence` or `too_few`.
    #[schema(value_type = OutcomeView)]
    pub outcome: Outcome,
    /// The same in words, with the shift, its interval and the numbers.
    pub words: String,
    /// Hodges–Lehmann shift; negative where it became faster.
    pub shift_days: Option<f64>,
    /// Its 95 % interval; none where there are too few.
    pub shift_interval: Option<Vec<f64>>,
    /// Probability of a difference at least so large by luck (Mann–Whitney).
    pub p: Option<f64>,
    /// Onboardings before.
    pub n_before: usize,
    /// Onboardings after.
    pub n_after: usize,
    /// About how many per side would show such a difference in four of five tries.
    pub needed_per_side: Option<usize>,
}

/// Which way it went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only describes the engine's enum")]
pub enum OutcomeView {
    /// Faster, and not by luck.
    Improved,
    /// Slower, and not by luck.
    Slower,
    /// What is seen may be luck.
    NoEvidence,
    /// Too few onboardings for any interval.
    TooFew,
}

/// Two cohorts of which one follows the other.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ComparisonView {
    /// The earlier cohort.
    pub before: String,
    /// The later cohort.
    pub after: String,
    /// Opening to completion.
    pub verdict: VerdictView,
    /// Log-rank test of go-live, with those in flight; only for cohorts by opening.
    pub log_rank: Option<LogRankView>,
}

/// A log-rank test.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LogRankView {
    /// χ² with one degree of freedom.
    pub chi_square: f64,
    /// Probability of a difference at least so large by luck.
    pub p: f64,
    /// Whether it is the later group that is sooner.
    pub sooner: bool,
}

/// A change of how onboarding is done, to be noted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteProcessChange {
    /// When the process changed, between 1970 and 2199.
    pub changed_at: DateTime<Utc>,
    /// What was changed, in 1 to 200 characters.
    pub title: String,
    /// Where it is about one country's onboardings only: ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Where it is about one workflow's onboardings only.
    pub workflow: Option<String>,
}

/// What was noted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProcessChangeList {
    /// The latest hundred, newest first.
    pub items: Vec<ProcessChangeView>,
}

/// A dated change of how onboarding is done, and what it made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProcessChangeView {
    /// Id of the annotation.
    pub id: String,
    /// When the process changed.
    pub changed_at: DateTime<Utc>,
    /// What was changed.
    pub title: String,
    /// Only this country's onboardings, where it is about one.
    pub country: Option<String>,
    /// Only this workflow's onboardings, where it is about one.
    pub workflow: Option<String>,
    /// Who wrote it down.
    pub noted_by: String,
    /// When it was written down.
    pub noted_at: DateTime<Utc>,
    /// Opening to completion, before and after; absent in the answer to writing it down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_after: Option<BeforeAfterView>,
}

/// How good forecasts of go-live are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutlookList {
    /// When past onboardings were last looked at; within the last hour.
    pub learnt_at: DateTime<Utc>,
    /// One per workflow.
    pub items: Vec<OutlookView>,
}

/// Past forecasts of one workflow, against what came.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutlookView {
    /// Name of the workflow.
    pub workflow: String,
    /// Onboardings that went live, on which forecasts rest. Below ten there are none.
    pub rests_on: usize,
    /// Past forecasts whose end is known.
    pub forecasts: usize,
    /// Share of them that was live by the 50 % date.
    pub live_by_p50: Option<f64>,
    /// Share that was live by the 85 % date.
    pub live_by_p85: Option<f64>,
    /// Share that was live by its opening plus the mean duration.
    pub live_by_mean: Option<f64>,
    /// Median days between the 50 % date and go-live.
    pub error_days: Option<f64>,
    /// The same for opening plus the mean duration.
    pub mean_error_days: Option<f64>,
}

/// When an onboarding in flight will probably be live.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForecastView {
    /// As probably before as after it.
    pub p50: DateTime<Utc>,
    /// With a probability of 85 % not after it.
    pub p85: DateTime<Utc>,
    /// Past onboardings that this rests on.
    pub rests_on: usize,
}

/// Onboardings opened before and after a change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BeforeAfterView {
    /// Of those completed.
    pub verdict: VerdictView,
    /// With those in flight.
    pub log_rank: Option<LogRankView>,
    /// Opened before and not completed.
    pub open_before: usize,
    /// Opened after and not completed.
    pub open_after: usize,
}

impl From<&Retrospective> for RetrospectiveView {
    fn from(found: &Retrospective) -> Self {
        Self {
            cohorts: found.cohorts.iter().map(Into::into).collect(),
            comparisons: found.comparisons.iter().map(Into::into).collect(),
            in_flight: found.in_flight,
            cancelled: found.cancelled,
            cautions: found.cautions.clone(),
        }
    }
}

impl From<&Cohort> for CohortView {
    fn from(cohort: &Cohort) -> Self {
        Self {
            cohort: cohort.cohort.clone(),
            completed: cohort.completed,
            in_flight: cohort.in_flight,
            cancelled: cohort.cancelled,
            total_days: (&cohort.total_days).into(),
            time_to_go_live: (&cohort.time_to_go_live).into(),
            time_to_first_member: (&cohort.time_to_first_member).into(),
            time_to_first_transaction: (&cohort.time_to_first_transaction).into(),
            go_live: cohort.go_live.as_ref().map(Into::into),
            steps: cohort.steps.iter().map(Into::into).collect(),
            longest_step: cohort.longest_step.clone(),
            slips: (&cohort.slips).into(),
            tenants: cohort.tenants.clone(),
        }
    }
}

impl From<&GoLive> for GoLiveView {
    fn from(live: &GoLive) -> Self {
        Self {
            n: live.n,
            open: live.open,
            median: live.median,
            median_low: live.median_interval.map(|(low, _)| low),
            median_high: live.median_interval.and_then(|(_, high)| high),
            live_by: live.live_by.iter().map(|(day, share)| LiveByView { day: *day, share: *share }).collect(),
        }
    }
}

impl From<&StepFigures> for StepDurationsView {
    fn from(step: &StepFigures) -> Self {
        let blocked = step.blocked_by_reason.iter();
        Self {
            step: step.step.clone(),
            days: (&step.days).into(),
            active_days: (&step.active_days).into(),
            blocked_days: step.blocked_days,
            blocked_by_reason: blocked
                .map(|(reason, days)| BlockedView { reason: reason.clone(), days: *days })
                .collect(),
            reopened: step.reopened,
            skipped: step.skipped,
            longest_in: step.longest_in,
            share: step.share,
        }
    }
}

impl From<&Durations> for DurationsView {
    fn from(durations: &Durations) -> Self {
        Self {
            n: durations.n,
            median: durations.median,
            p25: durations.p25,
            p75: durations.p75,
            p90: durations.p90,
            median_interval: durations.median_interval.map(|(low, high)| vec![low, high]),
        }
    }
}

impl From<&Slips> for SlipsView {
    fn from(slips: &Slips) -> Self {
        Self {
            longest_median: slips.longest_median.as_ref().map(|longest| LongestMedianView {
                step: longest.step.clone(),
                median: longest.median,
                n: longest.n,
            }),
            most_often_longest: slips.most_often_longest.as_ref().map(|often| MostOftenLongestView {
                steps: often.steps.clone(),
                onboardings: often.onboardings,
                of: often.of,
            }),
            grew_most: slips
                .grew_most
                .as_ref()
                .map(|grew| GrewMostView { step: grew.step.clone(), verdict: (&grew.verdict).into() }),
        }
    }
}

impl From<&Verdict> for VerdictView {
    fn from(verdict: &Verdict) -> Self {
        Self {
            outcome: verdict.outcome,
            words: verdict.words.clone(),
            shift_days: verdict.shift.map(|shift| shift.days),
            shift_interval: verdict.shift.and_then(|shift| shift.interval).map(|(low, high)| vec![low, high]),
            p: verdict.p,
            n_before: verdict.n_before,
            n_after: verdict.n_after,
            needed_per_side: verdict.needed_per_side,
        }
    }
}

impl From<&Comparison> for ComparisonView {
    fn from(comparison: &Comparison) -> Self {
        Self {
            before: comparison.before.clone(),
            after: comparison.after.clone(),
            verdict: (&comparison.verdict).into(),
            log_rank: comparison.log_rank.as_ref().map(Into::into),
        }
    }
}

impl From<&LogRank> for LogRankView {
    fn from(test: &LogRank) -> Self {
        Self { chi_square: test.chi_square, p: test.p, sooner: test.sooner }
    }
}

impl From<&BeforeAfter> for BeforeAfterView {
    fn from(found: &BeforeAfter) -> Self {
        Self {
            verdict: (&found.verdict).into(),
            log_rank: found.log_rank.as_ref().map(Into::into),
            open_before: found.open_before,
            open_after: found.open_after,
        }
    }
}
