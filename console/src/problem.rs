//! The page for what did not work, where there is no better page to say it on.

use askama::Template;

/// What the page says.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "problem.html")]
pub struct ProblemView {
    /// The kind of problem.
    pub title: String,
    /// What happened.
    pub detail: String,
    /// What would be right.
    pub hint: Option<String>,
}

/// The page of a problem.
pub fn problem(view: &ProblemView) -> Result<String, askama::Error> {
    view.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_happened_and_leads_back() {
        let view =
            ProblemView { title: "No such thing".to_owned(), detail: "there is no `<b>`".to_owned(), hint: None };
        let page = problem(&view).unwrap();
        assert!(page.contains("No such thing") && page.contains("&#60;b&#62;"));
        assert!(page.contains(r#"href="/""#));
    }
}
