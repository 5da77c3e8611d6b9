//! Console pages.
use super::App;
use axum::Router;
/// Pages.
pub fn routes() -> Router<App> { Router::new() }
