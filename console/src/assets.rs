//! The files that pages ask for.

/// Served at `/assets/console.css` as `text/css`.
pub const STYLESHEET: &str = include_str!("../assets/console.css");

/// Served at `/assets/console.js` as `text/javascript`; an ES module.
pub const SCRIPT: &str = include_str!("../assets/console.js");

/// Served at `/assets/progress.js` as `text/javascript`; an ES module.
pub const PROGRESS_SCRIPT: &str = include_str!("../assets/progress.js");
