//! The page for those who are not logged in.

use askama::Template;

/// What the login page shows.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "login.html")]
pub struct LoginView {
    /// Why a link did not work.
    pub problem: Option<String>,
}

/// The page at `/login`.
pub fn login(view: &LoginView) -> Result<String, askama::Error> {
    view.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_the_link_is_and_what_went_wrong() {
        let page = login(&LoginView { problem: Some("This link was used <before>.".to_owned()) }).unwrap();
        assert!(page.contains("workbench login-link"));
        assert!(page.contains("used &#60;before&#62;"));
        assert!(!page.contains("/logout"));
    }
}
