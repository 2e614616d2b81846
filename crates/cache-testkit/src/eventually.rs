//! Waiting for work in the background, whose end no call returns.

#![expect(clippy::missing_panics_doc, reason = "the suite fails by panicking")]

use std::time::{Duration, Instant};

/// How long background work may take before it counts as not done.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until the condition holds, and panics with `what` if it does not within five seconds.
///
/// It is for background work only. Where a call returns when its work is done, assert after the call.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < PATIENCE,
            "after {PATIENCE:?} it still does not hold: {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}
