//! Waiting for something to become true.

use std::future::Future;
use std::time::Duration;

/// After this long it will not happen any more.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often one looks.
const GLANCE: Duration = Duration::from_millis(40);

/// Looks until there is something to see; `what` is said when it never comes.
///
/// # Panics
/// When it has not come after a minute and a half.
pub async fn eventually<T, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(PATIENCE, look).await.unwrap_or_else(|| panic!("waited in vain for: {what}"))
}

/// Looks until there is something to see, or until it has taken too long.
pub(crate) async fn within<T, F>(patience: Duration, mut look: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    let waited = tokio::time::timeout(patience, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(GLANCE).await;
        }
    });
    waited.await.ok()
}
