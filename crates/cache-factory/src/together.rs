//! Waiting for several answers at the same time, and for a sign of life no longer than it is worth.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cache_core::{Cache, CacheError, CacheFuture, ErrorKind, Operation, Result};
use tokio::runtime::Handle;

/// Waits for all at the same time. The answers come in the order of what was waited for.
pub(crate) async fn all<F: Future>(waiting: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = waiting.into_iter().map(|one| (Box::pin(one), None)).collect();
    poll_fn(|context| {
        let mut are_done = true;
        for (one, answer) in &mut waiting {
            if answer.is_none() {
                match Pin::new(one).poll(context) {
                    Poll::Ready(ended) => *answer = Some(ended),
                    Poll::Pending => are_done = false,
                }
            }
        }
        if are_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, answer)| answer).collect()
}

/// Asks a cache whether its backend answers, and waits for a while.
pub(crate) async fn sign_of_life(cache: &Cache, limit: Duration) -> Result<()> {
    let late = || {
        format!("the backend gave no sign of life within {limit:?}; check that it runs and can be reached")
    };
    within(limit, cache, Operation::Ping, cache.ping(), late).await
}

/// Closes a cache, and waits for a while.
pub(crate) async fn close(cache: &Cache, limit: Duration) -> Result<()> {
    let late = || format!("the backend did not end within {limit:?} and is left to itself");
    within(limit, cache, Operation::Close, cache.close(), late).await
}

/// Waits for a cache as long as there is time. Outside of a Tokio runtime a backend has as long as it takes itself.
async fn within(
    limit: Duration,
    cache: &Cache,
    operation: Operation,
    answer: CacheFuture<'_, ()>,
    late: impl FnOnce() -> String,
) -> Result<()> {
    match answer {
        ready @ CacheFuture::Ready(_) => ready.await,
        later if Handle::try_current().is_ok() => {
            tokio::time::timeout(limit, later).await.unwrap_or_else(|_| {
                let error = CacheError::new(ErrorKind::Timeout, late());
                Err(error.with_context(operation, &Arc::from(cache.name()), None))
            })
        }
        later => later.await,
    }
}
