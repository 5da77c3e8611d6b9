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
        let mut fields = page.fields(action);
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
        for (field, value) in page.fields(action).into_iter().filter(|(field, _)| field != "file") {
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

impl Page {
    /// The fields of a form as a browser would send it untouched: inputs, empty text areas, the choice of a list.
    ///
    /// # Panics
    /// Where the page has no such form.
    #[must_use]
    pub fn fields(&self, action: &str) -> Vec<(String, String)> {
        let start = self.text.find(&format!(r#"action="{action}""#));
        let start = start.unwrap_or_else(|| panic!("the page has no form with the action `{action}`:\n{}", self.text));
        let form = self.text[start..].split("</form>").next().unwrap_or_default();
        let elements =
            Regex::new("(?s)<(?:input|textarea)[^>]*>|<select[^>]*>.*?</select>").expect("the pattern is sound");
        elements
            .find_iter(form)
            .filter_map(|element| {
                let text = element.as_str();
                let head = text.split('>').next().unwrap_or_default();
                let options =
                    || text.split("<option").skip(1).map(|option| option.split('>').next().unwrap_or_default());
                let chosen = options().find(|option| option.contains(" selected")).or_else(|| options().next());
                Some((attribute(head, "name")?, attribute(chosen.unwrap_or(head), "value").unwrap_or_default()))
            })
            .collect()
    }
}

fn attribute(element: &str, name: &str) -> Option<String> {
    let (_, behind) = element.split_once(&format!(" {name}=\""))?;
    behind.split('"').next().map(|value| value.replace("&amp;", "&"))
}
