//! Opaque cursors: a place in a list that stays right while the list grows; in the body, and as `Link` (RFC 8288).

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use url::form_urlencoded;

use super::problem::Problem;

/// Most items of a page.
const MOST: i64 = 200;

/// A place in a list ordered by time and id, newest first.
pub fn encode(at: DateTime<Utc>, id: &str) -> String {
    format!("{:x}.{id}", at.timestamp_micros())
}

/// Reads a place back.
pub fn decode(cursor: &str) -> Result<(DateTime<Utc>, String), Problem> {
    cursor
        .split_once('.')
        .and_then(|(at, id)| Some((DateTime::from_timestamp_micros(i64::from_str_radix(at, 16).ok()?)?, id.to_owned())))
        .ok_or_else(not_ours)
}

/// What is said of a place that cannot be read back.
pub fn not_ours() -> Problem {
    Problem::invalid("cursor", "the cursor was not made here").hint("Use `next_cursor` of the page before, unchanged.")
}

/// A page of a list, answering a request for `uri`; `next` continues it.
pub fn page(uri: &Uri, next: Option<&str>, body: &impl Serialize) -> Response {
    let mut response = Json(body).into_response();
    if let Some(link) = next.and_then(|next| HeaderValue::try_from(link(uri, next)).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

fn link(uri: &Uri, next: &str) -> String {
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.filter(|(name, _)| name != "cursor")).append_pair("cursor", next);
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())
}

/// Cuts a list that was read with one item more than a page holds. The place of the page's last item, if the list goes on.
pub fn cut<T>(found: &mut Vec<T>, limit: i64, place: impl FnOnce(&T) -> String) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if found.len() <= limit {
        return None;
    }
    found.truncate(limit);
    found.last().map(place)
}

/// The number of items asked for, within the bounds of most lists.
pub fn limit(asked: Option<i64>) -> Result<i64, Problem> {
    limit_of(asked, 50, MOST)
}

/// The number of items asked for, within the bounds of a list: `usual` where nobody asks, `most` at most.
pub fn limit_of(asked: Option<i64>, usual: i64, most: i64) -> Result<i64, Problem> {
    match asked {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::invalid("limit", format!("`limit` is {limit}; it must be 1 to {most}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_the_filter() {
        let uri = Uri::from_static("/sys/jobs?state=failed&cursor=old&limit=2");
        assert_eq!(link(&uri, "a.b"), "</sys/jobs?state=failed&limit=2&cursor=a.b>; rel=\"next\"");
    }

    #[test]
    fn a_list_goes_on_only_where_there_is_more() {
        let cut = |read: i64| {
            let mut items: Vec<i64> = (1..=read).collect();
            let next = cut(&mut items, 3, i64::to_string);
            (items.len(), next)
        };
        assert_eq!((cut(0), cut(3), cut(4)), ((0, None), (3, None), (3, Some("3".to_owned()))));
    }

    #[test]
    fn a_cursor_survives_the_journey() {
        let at = DateTime::from_timestamp_micros(1_770_000_000_123_456).expect("a time within range");
        assert_eq!(decode(&encode(at, "onb_01")).ok(), Some((at, "onb_01".to_owned())));
        assert!(decode("nonsense").is_err());
    }
}
