//! The retrospective over HTTP.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;
use workbench_engine::retrospective::cohorts::{CohortDate, GroupBy, Question};
use workbench_engine::retrospective::report::{Counting, Retrospective};
use workbench_engine::store::HistoryFilter;

use super::App;
use super::access::{Caller, Capability};
use super::problem::{Problem, nearest};
use super::query::bad_query;
use super::retrospective_table;
use super::wire::RetrospectiveView;

/// How to form cohorts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RetrospectiveQuery {
    /// `quarter` (default), `month`, `country`, `workflow`, `kind`, or several of these with commas.
    group_by: Option<String>,
    /// Which date puts an onboarding into a cohort: `completed` (default) or `opened`, which counts those in flight, too.
    cohort: Option<String>,
    /// Only from this day on, for example 2026-01-01.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<String>,
    /// Only up to this day, itself included.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<String>,
    /// Only this country, as ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Only this workflow.
    workflow: Option<String>,
    /// Only this kind of tenant.
    kind: Option<String>,
    /// IANA zone in which quarters, months, `from` and `to` begin; UTC where absent.
    time_zone: Option<String>,
    /// `json` (default) or `csv`.
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Csv,
}

impl RetrospectiveQuery {
    /// What is asked to group by, as it was written.
    pub fn group_by(&self) -> &str {
        self.group_by.as_deref().unwrap_or("quarter")
    }

    /// Which date is asked for, as it was written.
    pub fn date(&self) -> &str {
        self.cohort.as_deref().unwrap_or("completed")
    }

    /// What is asked for, or which part of it is impossible.
    pub fn question(&self) -> Result<Question, Problem> {
        let mut group_by: Vec<GroupBy> = Vec::new();
        for part in self.group_by().split(',').map(str::trim) {
            let by = part.parse().map_err(|error: String| Problem::invalid("group_by", error))?;
            if group_by.contains(&by) {
                return Err(Problem::invalid("group_by", format!("`{part}` is there twice")).hint("Say it once."));
            }
            group_by.push(by);
        }
        let date = match self.cohort.as_deref() {
            None => CohortDate::Completed,
            Some(text) => text.parse().map_err(|error: String| Problem::invalid("cohort", error))?,
        };
        let zone = match self.time_zone.as_deref() {
            None => Tz::UTC,
            Some(name) => name.parse().map_err(|_| {
                let near = nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
                Problem::invalid("time_zone", format!("`{name}` is no time zone")).hint(near.map_or_else(
                    || "Use one such as Europe/Stockholm.".to_owned(),
                    |near| format!("Did you mean `{near}`?"),
                ))
            })?,
        };
        let (from, to) = (day("from", self.from.as_deref())?, day("to", self.to.as_deref())?);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Problem::invalid("range", format!("nothing lies between {from} and {to}"))
                .hint("Let `from` be the earlier of the two."));
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Ok(Question {
            group_by,
            date,
            zone,
            from,
            to,
            country: given(&self.country).map(|country| country.to_ascii_uppercase()),
            workflow: given(&self.workflow),
            kind: given(&self.kind),
        })
    }
}

fn day(parameter: &str, text: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) => Ok(Some(day)),
        Err(_) => Err(Problem::invalid(parameter, format!("`{text}` is no day")).hint("Write it as 2026-01-31.")),
    }
}

/// Look back
///
/// How long onboardings took, by cohort, whether they became faster, and which step slips. Definitions of all times and
/// statistics are in `docs/retrospective.md`.
#[utoipa::path(
    get, path = "/sys/onboarding/retrospective", tag = "retrospective", params(RetrospectiveQuery),
    responses(
        (status = 200, description = "As JSON, or as CSV with one line per cohort and duration", content(
            (RetrospectiveView = "application/json"), (String = "text/csv"),
        )),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<RetrospectiveQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    caller.require(Capability::Read)?;
    let Query(query) = query.map_err(|rejection| bad_query(&rejection))?;
    let found = look_back(&app, &query.question()?).await?;
    if query.format == Some(Format::Csv) {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"retrospective.csv\""),
        ];
        return Ok((headers, retrospective_table::table(&found)).into_response());
    }
    Ok(axum::Json(RetrospectiveView::from(&*found)).into_response())
}

/// The retrospective for API and console: as it was counted before, unless an event has changed a history since.
pub async fn look_back(app: &App, question: &Question) -> Result<Arc<Retrospective>, Problem> {
    let store = &app.context.store;
    let now = Utc::now();
    // Before counting: what is logged meanwhile is looked at again by whoever asks next.
    let head = store.head_seq().await?;
    if let Some((found, seq)) = app.looked_back.find(question, now)
        && store.histories_changed_since(seq).await?.is_none()
    {
        app.looked_back.still_holds(question, head);
        return Ok(found);
    }
    let mut counting = Counting::new(question.clone(), now);
    let mut filter = HistoryFilter {
        country: question.country.clone(),
        workflow: question.workflow.clone(),
        ..HistoryFilter::default()
    };
    loop {
        let page = store.histories(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.after.clone_from(&last.checklist_id);
        for history in &page {
            counting.take(history);
        }
        // Others wait for this thread, too.
        tokio::task::yield_now().await;
    }
    let found = tokio::task::spawn_blocking(move || Arc::new(counting.finish())).await.map_err(|error| {
        tracing::error!(%error, "a retrospective could not be counted");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The daemon failed",
            "the retrospective was not counted; the daemon's log says why",
        )
    })?;
    app.looked_back.keep(question, &found, head, now);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &RetrospectiveQuery) -> (u16, String, String) {
        let problem = query.question().expect_err("the question is impossible");
        (problem.status, problem.code, problem.detail)
    }

    #[test]
    fn impossible_questions_say_what_is_impossible() {
        let text = |text: &str| Some(text.to_owned());
        let (status, code, detail) = refused(&RetrospectiveQuery { group_by: text("week"), ..Default::default() });
        assert_eq!((status, code.as_str()), (422, "group_by"));
        assert!(detail.contains("`week` is nothing to group by"));
        let twice = RetrospectiveQuery { group_by: text("quarter,quarter"), ..Default::default() };
        assert_eq!(refused(&twice).2, "`quarter` is there twice");
        let range = RetrospectiveQuery { from: text("2026-02-01"), to: text("2026-01-31"), ..Default::default() };
        assert_eq!(refused(&range).1, "range");
        assert_eq!(refused(&RetrospectiveQuery { from: text("2026-02-30"), ..Default::default() }).1, "from");
        assert_eq!(refused(&RetrospectiveQuery { time_zone: text("Mars/Base"), ..Default::default() }).1, "time_zone");
        assert_eq!(refused(&RetrospectiveQuery { cohort: text("closed"), ..Default::default() }).1, "cohort");
    }

    #[test]
    fn nothing_asked_is_the_card_s_view() {
        assert_eq!(RetrospectiveQuery::default().question().expect("it can be answered"), Question::default());
    }
}
