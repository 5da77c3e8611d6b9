//! Somebody with a browser that knows no JavaScript: a cookie, pages, and forms sent as a browser would.

use regex::Regex;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;

/// A logged-in session of the console.
pub struct Visitor {
    http: reqwest::Client,
    url: String,
    cookie: String,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct Page {
    /// HTTP status; redirects are not followed.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The page.
    pub text: String,
}

impl Visitor {
    /// Uses a login link.
    ///
    /// # Panics
    /// Where the link gives no session.
    pub async fn log_in(url: &str, link: &str) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client can be made");
        let response = http.get(link).send().await.expect("the daemon answers");
        let cookie = response.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        assert!(cookie.contains('='), "the link gave no session: {}", response.status());
        Self { http, url: url.trim_end_matches('/').to_owned(), cookie }
    }

    /// Loads a page.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn get(&self, path: &str) -> Page {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    /// Sends the form with this action that stands on a page: its own values, with some replaced.
    ///
    /// # Panics
    /// Where the page has no such form.
    pub async fn submit(&self, page: &Page, action: &str, filled: &[(&str, &str)]) -> Page {
        let mut fields = fields(page, action);
        for (name, value) in filled {
            let field = fields.iter_mut().find(|(known, _)| known == name);
            (*value).clone_into(&mut field.unwrap_or_else(|| panic!("the form has no field `{name}`")).1);
        }
        self.send(self.http.post(format!("{}{action}", self.url)).form(&fields)).await
    }

    /// Sends a form with a file, its own fields first.
    ///
    /// # Panics
    /// Where the page has no such form.
    pub async fn upload(&self, page: &Page, action: &str, filled: &[(&str, &str)], name: &str, bytes: Vec<u8>) -> Page {
        let mut form = Form::new();
        for (field, value) in fields(page, action).into_iter().filter(|(field, _)| field != "file") {
            let value =
                filled.iter().find(|(known, _)| *known == field).map_or(value, |(_, value)| (*value).to_owned());
            form = form.text(field, value);
        }
        form = form.part("file", Part::bytes(bytes).file_name(name.to_owned()));
        self.send(self.http.post(format!("{}{action}", self.url)).multipart(form)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Page {
        let response = request.header(COOKIE, &self.cookie).send().await.expect("the daemon answers");
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Page { status: response.status().as_u16(), location, text: response.text().await.expect("a page is text") }
    }
}

/// The fields of a form as a browser would send it untouched: inputs, empty text areas, the first choice of a list.
fn fields(page: &Page, action: &str) -> Vec<(String, String)> {
    let start = page.text.find(&format!(r#"action="{action}""#));
    let start = start.unwrap_or_else(|| panic!("the page has no form with the action `{action}`:\n{}", page.text));
    let form = page.text[start..].split("</form>").next().unwrap_or_default();
    let elements = Regex::new("(?s)<(?:input|textarea|select)[^>]*>").expect("a pattern");
    let attribute = |element: &str, name: &str| {
        let pattern = Regex::new(&format!(r#"\b{name}="([^"]*)""#)).expect("a pattern");
        pattern.captures(element).map(|found| found[1].replace("&amp;", "&"))
    };
    elements
        .find_iter(form)
        .filter_map(|element| {
            let text = element.as_str();
            Some((attribute(text, "name")?, attribute(text, "value").unwrap_or_default()))
        })
        .collect()
}
