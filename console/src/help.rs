//! The manual in the console: a page of it, and what a search found.

use askama::Template;

/// What a page of the manual shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "help.html")]
pub struct HelpPage {
    /// What it is found by.
    pub slug: String,
    /// Its title in the reader's language.
    pub title: String,
    /// What it is about, in the reader's language; empty where nothing is said.
    pub summary: String,
    /// The language of title and summary; the text is English.
    pub language: String,
    /// The text, as sound HTML.
    pub html: String,
    /// Its sections: anchor and heading.
    pub sections: Vec<(String, String)>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// What the manual's first page shows: what there is, or what was found.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "help_search.html")]
pub struct HelpSearchPage {
    /// What was looked for; empty for nothing.
    pub query: String,
    /// The language of titles and summaries.
    pub language: String,
    /// Every page: slug, title, summary.
    pub pages: Vec<(String, String, String)>,
    /// Places that were found.
    pub hits: Vec<HelpHit>,
    /// Whether the course is in the reader's menu.
    pub learning: bool,
    /// Who is logged in.
    pub actor: String,
    /// Token that forms hand back.
    pub csrf: String,
}

/// A place in the manual.
#[derive(Debug, Clone, Default)]
pub struct HelpHit {
    /// Slug of its page.
    pub slug: String,
    /// Anchor of its heading; empty for the top.
    pub anchor: String,
    /// The page's title.
    pub page: String,
    /// The heading.
    pub heading: String,
    /// What is said there.
    pub excerpt: String,
}

impl HelpPage {
    fn place() -> &'static str {
        "help"
    }
}

impl HelpSearchPage {
    fn place() -> &'static str {
        "help"
    }
}

/// The page at `/help/{slug}`.
pub fn help(page: &HelpPage) -> Result<String, askama::Error> {
    page.render()
}

/// The page at `/help`.
pub fn help_search(page: &HelpSearchPage) -> Result<String, askama::Error> {
    page.render()
}
