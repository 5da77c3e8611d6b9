//! The manual's pages, and the search in them.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use std::convert::Infallible;
use workbench_console as pages;

use super::{Asked, Visitor, failed, page};
use crate::http::problem::Problem;
use crate::manual::{manual, render, search};

/// Longest search, in characters.
const QUERY: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
    lang: Option<String>,
}

/// The languages that titles and summaries are told in.
const LANGUAGES: [&str; 3] = ["en", "sv", "fr"];

/// The language that a browser asks for first among those that there are.
pub(super) struct Language(pub(super) &'static str);

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let wanted = accepted.unwrap_or_default().split(',').filter_map(|one| known(one.trim().get(..2)?));
        Ok(Self(wanted.into_iter().next().unwrap_or("en")))
    }
}

fn known(language: &str) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|known| known.eq_ignore_ascii_case(language))
}

/// Every page, or what a search found.
pub(super) async fn index(visitor: Visitor, language: Language, Asked(asked): Asked<Search>) -> Response {
    let language = asked.lang.as_deref().and_then(known).unwrap_or(language.0);
    let query: String = asked.q.chars().take(QUERY).collect();
    let hits = search(&query, language);
    let hit = |hit: crate::manual::Hit| pages::HelpHit {
        slug: hit.slug,
        anchor: hit.anchor,
        page: hit.page,
        heading: hit.heading,
        excerpt: hit.excerpt,
    };
    let listed = manual()
        .pages
        .iter()
        .map(|page| (page.slug.clone(), page.title.of(language).to_owned(), page.summary.of(language).to_owned()));
    let view = pages::HelpSearchPage {
        query,
        language: language.to_owned(),
        pages: listed.collect(),
        hits: hits.into_iter().map(hit).collect(),
        learning: visitor.learning,
        actor: visitor.caller.actor.id,
        csrf: visitor.csrf,
    };
    page(pages::help_search(&view), StatusCode::OK)
}

/// A page. Whatever is no slug of one is not there: no path is ever made of what was asked for.
pub(super) async fn show(
    visitor: Visitor,
    language: Language,
    Path(slug): Path<String>,
    Asked(asked): Asked<Search>,
) -> Response {
    let Some(found) = manual().page(&slug) else {
        return failed(&Problem::not_found("the manual has no such page").hint("Search the manual at /help."));
    };
    let language = asked.lang.as_deref().and_then(known).unwrap_or(language.0);
    let rendered = render(found);
    let sections = rendered.sections.into_iter().filter(|section| section.level == 2);
    let view = pages::HelpPage {
        slug,
        title: found.title.of(language).to_owned(),
        summary: found.summary.of(language).to_owned(),
        language: language.to_owned(),
        html: rendered.html,
        sections: sections.map(|section| (section.anchor, section.title)).collect(),
        learning: visitor.learning,
        actor: visitor.caller.actor.id,
        csrf: visitor.csrf,
    };
    page(pages::help(&view), StatusCode::OK)
}
