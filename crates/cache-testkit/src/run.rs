//! Running one case, so that crates which use the suite need no runtime of their own.

#![expect(clippy::expect_used, reason = "the suite fails by panicking")]

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

/// No case takes as long, on a slow server neither.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a case on a runtime of its own with two workers. A case that hangs fails after a minute.
///
/// [`conformance!`](crate::conformance!) does this for every case; use it to run single ones.
pub fn run(case: impl Future<Output = ()>) {
    run_boxed(Box::pin(case));
}

/// The runtime is compiled for this one type of future, not anew for each case on each backend.
fn run_boxed(case: Pin<Box<dyn Future<Output = ()> + '_>>) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async { timeout(LIMIT, case).await.expect("the case does not hang") });
}
