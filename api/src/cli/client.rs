//! Talking to a running daemon.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

/// Which daemon, and as whom.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// Address of the daemon
    #[arg(long, env = "WORKBENCH_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// Bearer token; read from the token file where absent
    #[arg(long, env = "WORKBENCH_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// File with the bearer token
    #[arg(long, env = "WORKBENCH_TOKEN_FILE", default_value = "workbench-data/token", value_name = "FILE")]
    token_file: PathBuf,
    /// Print the daemon's JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// A daemon and a token.
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl ClientArgs {
    /// Finds the token.
    pub fn client(&self) -> Result<Client> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => std::fs::read_to_string(&self.token_file)
                .into_diagnostic()
                .wrap_err_with(|| {
                    format!(
                        "there is no token: `{}` cannot be read; give --token-file, --token or WORKBENCH_TOKEN",
                        self.token_file.display()
                    )
                })?
                .trim()
                .to_owned(),
        };
        Ok(Client { http: reqwest::Client::new(), url: self.url.trim_end_matches('/').to_owned(), token })
    }
}

impl Client {
    /// A request to a path of the daemon.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// Sends a request and reads the answer; a problem becomes an error that says what the daemon says.
    pub async fn send(&self, request: RequestBuilder) -> Result<Value> {
        answer(self.sent(request).await?).await
    }

    async fn sent(&self, request: RequestBuilder) -> Result<Response> {
        let sent = request.send().await.into_diagnostic();
        sent.wrap_err_with(|| format!("no daemon answers at {}; start one with `workbench serve`", self.url))
    }

    /// As [`Client::send`], for an answer that is no JSON.
    pub async fn text(&self, request: RequestBuilder) -> Result<String> {
        let response = self.sent(request).await?;
        if response.status().is_success() {
            response.text().await.into_diagnostic()
        } else {
            Ok(answer(response).await?.to_string())
        }
    }

    /// Reads from a path.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Posts JSON to a path.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(self.request(Method::POST, path).json(body)).await
    }
}

async fn answer(response: Response) -> Result<Value> {
    let status = response.status();
    let body: Value = response.json().await.into_diagnostic().wrap_err("the daemon's answer is no JSON")?;
    if status.is_success() {
        return Ok(body);
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let mut message = format!("{} ({})", text("title").unwrap_or("the daemon refused"), status.as_u16());
    let reasons = body.get("reasons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for reason in reasons {
        let code = reason.get("code").and_then(Value::as_str).unwrap_or_default();
        let why = reason.get("message").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(message, "\n  - {why} [{code}]");
    }
    if reasons.is_empty()
        && let Some(detail) = text("detail")
    {
        let _ = write!(message, "\n  {detail}");
    }
    Err(match text("hint") {
        Some(hint) => miette!(help = hint.to_owned(), "{message}"),
        None => miette!("{message}"),
    })
}
