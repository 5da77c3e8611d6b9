//! When those in flight will be live: what past onboardings taught, kept for an hour and learnt anew beside the requests.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use workbench_engine::retrospective::back_test::{BackTest, back_test};
use workbench_engine::retrospective::forecast::{Experience, Forecast, Route, seed_of};
use workbench_engine::retrospective::times::History;
use workbench_engine::store::{HistoryFilter, StoreError};

use super::App;
use super::access::{Caller, Capability};
use super::problem::Problem;
use super::wire::{OutlookList, OutlookView};

/// How long what was learnt is good enough: one onboarding more changes little.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// Latest onboardings of a workflow that are kept for its back-test.
const BACK_TESTED: usize = 5000;
/// Quarters that are hidden in it.
const HIDDEN: u32 = 4;

/// What was learnt, and when.
#[derive(Debug, Default)]
pub struct Outlook {
    known: RwLock<Option<Arc<Learnt>>>,
    learning: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Learnt {
    at: DateTime<Utc>,
    /// By workflow.
    of: HashMap<String, (Experience, BackTest)>,
}

impl Outlook {
    fn known(&self) -> Option<Arc<Learnt>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was learnt within the hour; where nothing was, the caller waits for it.
    async fn learnt(&self, app: &App) -> Result<Arc<Learnt>, StoreError> {
        // One learns, the others wait and take what it found.
        let _turn = self.learning.lock().await;
        let now = Utc::now();
        if let Some(known) = self.known().filter(|known| now - known.at < FRESH) {
            return Ok(known);
        }
        let learnt = Arc::new(learn(app, now).await?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&learnt));
        Ok(learnt)
    }
}

async fn learn(app: &App, now: DateTime<Utc>) -> Result<Learnt, StoreError> {
    let mut of = HashMap::new();
    let definitions = app.definitions.load_full();
    for workflow in definitions.workflows.iter().map(|loaded| &loaded.definition) {
        let Some(route) = Route::of(workflow) else { continue };
        let mut experience = Experience::new(route.clone());
        let mut latest: VecDeque<History> = VecDeque::new();
        let mut filter = HistoryFilter { workflow: Some(workflow.name.clone()), ..HistoryFilter::default() };
        loop {
            let page = app.context.store.histories(&filter).await?;
            let Some(last) = page.last() else { break };
            filter.after.clone_from(&last.checklist_id);
            for history in page {
                experience.learn(&history);
                latest.push_back(history);
                if latest.len() > BACK_TESTED {
                    latest.pop_front();
                }
            }
        }
        // Seconds of arithmetic, for which no request shall wait.
        let tested = tokio::task::spawn_blocking(move || {
            experience.settle();
            let tested = back_test(latest.make_contiguous(), &route, now, HIDDEN);
            (experience, tested)
        });
        match tested.await {
            Ok(learnt) => {
                of.insert(workflow.name.clone(), learnt);
            }
            Err(error) => tracing::error!(%error, workflow = workflow.name, "forecasts could not be back-tested"),
        }
    }
    Ok(Learnt { at: now, of })
}

/// What is known. Where that is too old, or nothing is, it is learnt beside this request, and who asks later sees it.
fn known_by_now(app: &App, now: DateTime<Utc>) -> Option<Arc<Learnt>> {
    let known = app.outlook.known();
    let nobody_learns = app.outlook.learning.try_lock().is_ok();
    if nobody_learns && known.as_ref().is_none_or(|known| now - known.at >= FRESH) {
        let app = app.clone();
        tokio::spawn(async move {
            if let Err(error) = app.outlook.learnt(&app).await {
                tracing::warn!(%error, "nothing could be learnt for forecasts");
            }
        });
    }
    known
}

/// Forecasts of these checklists, by id, for the dashboard: from what is known by now.
pub async fn forecasts(
    app: &App,
    checklists: &[String],
    now: DateTime<Utc>,
) -> Result<HashMap<String, Forecast>, StoreError> {
    let known = known_by_now(app, now);
    let Some(known) = known.filter(|known| known.of.values().any(|(experience, _)| !experience.is_empty())) else {
        return Ok(HashMap::new());
    };
    let histories = app.context.store.histories_of(checklists).await?;
    let drawn = tokio::task::spawn_blocking(move || {
        let one = |history: &History| {
            let (experience, _) = known.of.get(&history.workflow)?;
            let forecast = experience.forecast(history, now, seed_of(&history.checklist_id))?;
            Some((history.checklist_id.clone(), forecast))
        };
        histories.iter().filter_map(one).collect()
    });
    Ok(drawn.await.unwrap_or_default())
}

/// How good forecasts are
///
/// Per workflow: the last four quarters are hidden one after the other, what was in flight is forecast from what was known
/// then, and compared with what came. Of good forecasts about 50 % and 85 % are live by their dates; beside them stands what
/// a plain mean would have promised.
#[utoipa::path(
    get, path = "/sys/onboarding/retrospective/forecasts", tag = "retrospective",
    responses(
        (status = 200, body = OutlookList),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): State<App>, caller: Caller) -> Result<axum::Json<OutlookList>, Problem> {
    caller.require(Capability::Read)?;
    let learnt = app.outlook.learnt(&app).await?;
    Ok(axum::Json(OutlookList { learnt_at: learnt.at, items: tested(&learnt) }))
}

/// The back-tests that are known by now, for the console.
pub fn tested_by_now(app: &App) -> Vec<OutlookView> {
    known_by_now(app, Utc::now()).map(|known| tested(&known)).unwrap_or_default()
}

/// In order of the workflows' names.
fn tested(learnt: &Learnt) -> Vec<OutlookView> {
    let mut items: Vec<OutlookView> = learnt
        .of
        .iter()
        .map(|(workflow, (experience, tested))| OutlookView {
            workflow: workflow.clone(),
            rests_on: experience.len(),
            forecasts: tested.forecasts,
            live_by_p50: tested.live_by_p50,
            live_by_p85: tested.live_by_p85,
            live_by_mean: tested.live_by_mean,
            error_days: tested.error_days,
            mean_error_days: tested.mean_error_days,
        })
        .collect();
    items.sort_by(|a, b| a.workflow.cmp(&b.workflow));
    items
}
