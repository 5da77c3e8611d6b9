//! `If-Match`: what a change was made for (RFC 9110 §13.1.1).

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;

/// The revisions in `If-Match`, any of which will do; none where the header is absent or `*`. A tag that is weak or
/// not ours is a tag all the same, and matches no revision.
pub fn if_match(headers: &HeaderMap) -> Result<Option<Vec<i64>>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let mut revisions = Vec::new();
    for tag in text.split(',').map(str::trim) {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag);
        let opaque = opaque.strip_prefix('"').and_then(|opaque| opaque.strip_suffix('"')).ok_or_else(no_tag)?;
        revisions.extend(opaque.parse::<i64>().ok().filter(|_| !tag.starts_with("W/")));
    }
    Ok(Some(revisions))
}

fn no_tag() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "if_match",
        "The precondition cannot be read",
        "`If-Match` holds something else than quoted tags",
    )
    .hint("Send the `ETag` of an answer back, unchanged.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Option<Vec<i64>>, u16> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, axum::http::HeaderValue::from_static(text))]);
        if_match(&headers).map_err(|problem| problem.status)
    }

    #[test]
    fn preconditions_are_read() {
        assert_eq!(read("\"7\""), Ok(Some(vec![7])));
        assert_eq!(read("\"7\", \"8\""), Ok(Some(vec![7, 8])));
        assert_eq!(read("W/\"7\""), Ok(Some(vec![])));
        assert_eq!(read("\"abc\""), Ok(Some(vec![])));
        assert_eq!(read("*"), Ok(None));
        assert_eq!(read("7"), Err(400));
    }
}
