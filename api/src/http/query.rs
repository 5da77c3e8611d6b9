//! Queries and forms that do not fit, in words that name the parameter.

use std::error::Error;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::http::StatusCode;

use super::problem::{Problem, suggestion};

/// A query that does not fit.
pub fn bad_query(rejection: &QueryRejection) -> Problem {
    let said = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
    refused(StatusCode::BAD_REQUEST, "query", "The query cannot be used", &said)
}

/// A form that does not fit.
pub fn bad_form(rejection: &FormRejection) -> Problem {
    let said = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
    refused(rejection.status(), "form", "The form cannot be read", &said)
}

/// `said` is of the decoder: the parameter, a colon and why, or only why.
fn refused(status: StatusCode, code: &str, title: &str, said: &str) -> Problem {
    let problem = |detail: String| Problem::new(status, code, title, detail);
    let is_name = |path: &str| !path.contains([' ', '`']);
    let (parameter, why) = match said.split_once(": ") {
        Some((path, why)) if is_name(path) => (Some(path), why),
        _ => (None, said),
    };
    let mut quoted = why.split('`').skip(1).step_by(2);
    match (why, quoted.next(), parameter) {
        (why, Some(name), _) if why.starts_with("unknown field ") => {
            let known: Vec<&str> = quoted.collect();
            problem(format!("there is no parameter `{name}`")).hint(suggestion(name, &known))
        }
        (why, Some(name), _) if why.starts_with("duplicate field ") => {
            problem(format!("the parameter `{name}` is there twice")).hint("Say it once.")
        }
        (why, Some(name), _) if why.starts_with("missing field ") => {
            problem(format!("the parameter `{name}` is missing"))
        }
        (why, Some(value), Some(parameter)) if why.starts_with("unknown variant ") => {
            let known: Vec<&str> = quoted.collect();
            problem(format!("`{parameter}` cannot be `{value}`")).hint(suggestion(value, &known))
        }
        (why, _, Some(parameter)) if why.contains("digit") || why.contains("integer") || why.contains("number") => {
            problem(format!("`{parameter}` is no whole number that can be used"))
                .hint("Write it in digits, or leave it out.")
        }
        (why, _, Some(parameter)) => problem(format!("`{parameter}` cannot be used: {why}")),
        (why, _, None) => problem(why.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read to be refused")]
    struct Asked {
        limit: Option<i64>,
        sort: Option<Order>,
        wait: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        Name,
        Age,
    }

    fn said(query: &str) -> (String, String) {
        let uri = format!("/x?{query}").parse().expect("an address");
        let problem = bad_query(&Query::<Asked>::try_from_uri(&uri).expect_err("the query does not fit"));
        assert_eq!((problem.status, problem.code.as_str()), (400, "query"));
        (problem.detail, problem.hint.unwrap_or_default())
    }

    #[test]
    fn the_parameter_is_named_and_the_decoder_is_not_heard() {
        for (query, detail, hint) in [
            ("wait=1&limti=1", "there is no parameter `limti`", "Did you mean `limit`?"),
            ("wait=1&colour=1", "there is no parameter `colour`", "Use one of limit, sort, wait."),
            (
                "wait=1&limit=many",
                "`limit` is no whole number that can be used",
                "Write it in digits, or leave it out.",
            ),
            ("wait=1&limit=", "`limit` is no whole number that can be used", "Write it in digits, or leave it out."),
            ("wait=1&limit=1&limit=2", "the parameter `limit` is there twice", "Say it once."),
            ("wait=1&sort=nmae", "`sort` cannot be `nmae`", "Did you mean `name`?"),
            ("limit=1", "the parameter `wait` is missing", ""),
        ] {
            assert_eq!(said(query), (detail.to_owned(), hint.to_owned()), "{query}");
        }
    }
}
