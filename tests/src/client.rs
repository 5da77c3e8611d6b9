//! An HTTP client with a bearer token.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::eventually;

/// Talks to one daemon.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Address of the daemon, without a slash at its end.
    pub url: String,
    token: Option<String>,
}

/// What a request carries that may have to be sent again.
#[derive(Debug, Clone)]
pub enum Content {
    /// A document.
    Json(Value),
    /// An upload.
    File {
        /// What the file is called.
        name: String,
        /// What is in it.
        bytes: Vec<u8>,
        /// The form's other fields, with their values.
        fields: Vec<(&'static str, &'static str)>,
    },
}

/// What a daemon answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body; `null` where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body, after making sure of the status.
    ///
    /// # Panics
    /// On any other status.
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "often only the status matters")]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }

    /// The code of a problem, after making sure of its status and content type.
    ///
    /// # Panics
    /// Where it is not a problem of that status.
    #[track_caller]
    #[must_use]
    pub fn problem(self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        let content_type = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("application/problem+json"));
        for member in ["type", "title", "detail"] {
            assert!(self.body[member].as_str().is_some_and(|text| !text.is_empty()), "{:#}", self.body);
        }
        self.body["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    /// A client of a daemon.
    #[must_use]
    pub fn new(url: &str, token: Option<&str>) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: url.trim_end_matches('/').to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// The same daemon, as somebody else.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The same daemon, given up on after so long.
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Self {
        let http = reqwest::Client::builder().timeout(patience).build().expect("a client can be made");
        Self { http, ..self.clone() }
    }

    /// Sends a request under an idempotency key; none where no daemon answers.
    ///
    /// # Panics
    /// Where the key cannot be sent.
    pub async fn try_once(&self, method: &str, path: &str, key: &str, content: &Content) -> Option<Answer> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.request(method, path).header("idempotency-key", key);
        let request = match content {
            Content::Json(value) => request.json(value),
            Content::File { name, bytes, fields } => {
                let form = fields.iter().fold(Form::new(), |form, (field, value)| form.text(*field, *value));
                request.multipart(form.part("file", Part::bytes(bytes.clone()).file_name(name.clone())))
            }
        };
        Self::answer(request).await.ok()
    }

    async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        Ok(Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }

    /// Sends a request with a body of any kind.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.request(method, path);
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            request = request.header(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        Self::answer(request).await.expect("the daemon answers")
    }

    /// Reads.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn get(&self, path: &str) -> Answer {
        Self::answer(self.request(Method::GET, path)).await.expect("the daemon answers")
    }

    /// Reads what is no JSON.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn text(&self, path: &str) -> String {
        let response = self.request(Method::GET, path).send().await.expect("the daemon answers");
        response.text().await.expect("an answer in UTF-8")
    }

    /// Reads; none where no daemon answers, as while it restarts.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        Self::answer(self.request(Method::GET, path)).await.ok()
    }

    /// Posts JSON.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Self::answer(self.request(Method::POST, path).json(body)).await.expect("the daemon answers")
    }

    /// Patches with JSON.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        Self::answer(self.request(Method::PATCH, path).json(body)).await.expect("the daemon answers")
    }

    /// Uploads a file with further fields, as a part of a tenant's onboarding.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn upload(&self, tenant: &str, name: &str, bytes: Vec<u8>, fields: &[(&str, &str)]) -> Answer {
        self.upload_to(&format!("/sys/onboarding/{tenant}/imports"), name, bytes, fields).await
    }

    /// Uploads a file with further fields to a path.
    ///
    /// # Panics
    /// Where no daemon answers.
    pub async fn upload_to(&self, path: &str, name: &str, bytes: Vec<u8>, fields: &[(&str, &str)]) -> Answer {
        let mut form = Form::new();
        for (field, value) in fields {
            form = form.text((*field).to_owned(), (*value).to_owned());
        }
        form = form.part("file", Part::bytes(bytes).file_name(name.to_owned()));
        Self::answer(self.request(Method::POST, path).multipart(form)).await.expect("the daemon answers")
    }

    /// Uploads a file whose bytes come as they come, under an idempotency key; none where the daemon goes away
    /// meanwhile.
    ///
    /// # Panics
    /// Where the name cannot be sent.
    pub async fn try_upload(&self, tenant: &str, name: &str, key: &str, bytes: reqwest::Body) -> Option<Answer> {
        let form = Form::new().part("file", Part::stream(bytes).file_name(name.to_owned()));
        let request = self.request(Method::POST, &format!("/sys/onboarding/{tenant}/imports"));
        Self::answer(request.header("idempotency-key", key).multipart(form)).await.ok()
    }

    /// Waits until an import leaves these states; survives restarts of the daemon.
    pub async fn import_after(&self, tenant: &str, id: &str, states: &[&str]) -> Value {
        let path = format!("/sys/onboarding/{tenant}/imports/{id}");
        let path = path.as_str();
        eventually(&format!("import {id} to leave {states:?}"), || async move {
            let import = self.try_get(path).await.filter(|answer| answer.status == StatusCode::OK)?.body;
            let state = import["state"].as_str()?;
            (!states.contains(&state)).then(|| import.clone())
        })
        .await
    }

    /// Waits until a job has ended; survives restarts of the daemon.
    pub async fn job_ended(&self, id: &str) -> Value {
        let path = format!("/sys/jobs/{id}");
        let path = path.as_str();
        eventually(&format!("job {id} to end"), || async move {
            let job = self.try_get(path).await.filter(|answer| answer.status == StatusCode::OK)?.body;
            let ended = matches!(job["state"].as_str()?, "succeeded" | "failed" | "cancelled");
            ended.then(|| job.clone())
        })
        .await
    }

    /// Every event of a tenant, in order.
    ///
    /// # Panics
    /// Where the daemon does not answer with events.
    pub async fn events(&self, tenant: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = format!("/sys/onboarding/{tenant}/events?limit=200");
        loop {
            let page = self.get(&path).await.expect(200);
            all.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return all };
            path = format!("/sys/onboarding/{tenant}/events?limit=200&cursor={cursor}");
        }
    }
}
