//! Clean-ups behind probes that were given up, which nobody waits for but the end of the process.

use std::sync::LazyLock;

use tokio_util::task::TaskTracker;

static CLEANING: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Cleans up behind a probe that nobody waits for any more. Needs a runtime.
pub(crate) fn later(clean_up: impl Future<Output = ()> + Send + 'static) {
    CLEANING.spawn(clean_up);
}

/// Waits until everything that probes left behind is cleaned up, which each does within a few seconds. To be called when
/// no probe runs any more and the process is about to end.
pub async fn cleaned_up() {
    CLEANING.close();
    CLEANING.wait().await;
}
