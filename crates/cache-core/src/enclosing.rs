//! Which operation the requests to a backend are part of, so that all of them share one time limit: with tags a get asks for the
//! value and then for markers, a set for markers and then stores. The backend is asked within a call of its own each time and
//! could not tell otherwise.
//!
//! It stands in a variable of the thread while a future is polled, since it has to come through layers that know nothing of it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::operation::Operation;

thread_local! {
    static CURRENT: Cell<Option<EnclosingOperation>> = const { Cell::new(None) };
}

/// The operation that a request to a backend is part of.
///
/// A backend that limits how long its operations take asks for it when it is called, or when its future is polled, and if there is
/// one, takes the limit of that operation from its begin.
///
/// ```
/// use std::time::Duration;
/// use cache_core::EnclosingOperation;
///
/// fn time_left(own: Duration, limit_of: impl Fn(cache_core::Operation) -> Duration) -> Duration {
///     EnclosingOperation::current().map_or(own, |whole| {
///         limit_of(whole.operation()).saturating_sub(whole.elapsed())
///     })
/// }
/// # assert_eq!(time_left(Duration::from_secs(1), |_| Duration::ZERO), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EnclosingOperation {
    operation: Operation,
    began: Instant,
}

impl EnclosingOperation {
    /// Begins one now.
    pub(crate) fn begin(operation: Operation) -> Self {
        Self {
            operation,
            began: Instant::now(),
        }
    }

    /// Returns the one that the request which is being made is part of. `None` for one that is an operation by itself.
    pub fn current() -> Option<Self> {
        CURRENT.get()
    }

    /// Returns what it is.
    pub fn operation(self) -> Operation {
        self.operation
    }

    /// Returns how long ago it began.
    pub fn elapsed(self) -> Duration {
        self.began.elapsed()
    }

    /// Makes what is asked of backends one operation, which begins when this future is first polled.
    pub(crate) async fn of<F: Future>(operation: Operation, ask: impl FnOnce() -> F) -> F::Output {
        Self::begin(operation).enclose(ask).await
    }

    /// Makes what is asked of backends a part of this operation, unless it is part of another one that encloses both.
    pub(crate) async fn enclose<F: Future>(self, ask: impl FnOnce() -> F) -> F::Output {
        let future = {
            let _until_asked = Entered::new(self);
            ask()
        };
        let mut future = pin!(future);
        poll_fn(|context| {
            let _until_polled = Entered::new(self);
            future.as_mut().poll(context)
        })
        .await
    }
}

/// Leaves what was entered, after a panic too.
struct Entered {
    before: Option<EnclosingOperation>,
}

impl Entered {
    fn new(operation: EnclosingOperation) -> Self {
        let before = CURRENT.get();
        CURRENT.set(before.or(Some(operation)));
        Self { before }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::join;
    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::*;

    fn current() -> Option<Operation> {
        EnclosingOperation::current().map(EnclosingOperation::operation)
    }

    /// Says what there is before and after the thread did something else.
    async fn twice() -> [Option<Operation>; 2] {
        let before = current();
        yield_now().await;
        [before, current()]
    }

    #[tokio::test]
    async fn what_is_enclosed_knows_it_whenever_it_is_polled_and_nothing_else_does() {
        let set = EnclosingOperation::begin(Operation::Set);
        let (enclosed, beside) = join(set.enclose(twice), twice()).await;
        assert_eq!(enclosed, [Some(Operation::Set); 2]);
        assert_eq!(beside, [None; 2]);
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn the_outermost_is_the_one_that_counts() {
        let (set, get) = (
            EnclosingOperation::begin(Operation::Set),
            EnclosingOperation::begin(Operation::Get),
        );
        assert_eq!(
            set.enclose(|| get.enclose(twice)).await,
            [Some(Operation::Set); 2]
        );
    }

    #[test]
    fn a_panic_leaves_it() {
        let panics = EnclosingOperation::begin(Operation::Set).enclose(|| async {
            assert_eq!(current(), None, "this is on purpose");
        });
        let ended = catch_unwind(AssertUnwindSafe(|| panics.now_or_never()));
        assert!(ended.is_err());
        assert_eq!(current(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_begins_when_it_is_first_polled() {
        let old = EnclosingOperation::of(Operation::Set, || async {
            advance(Duration::from_secs(1)).await;
            EnclosingOperation::current().unwrap().elapsed()
        });
        advance(Duration::from_secs(5)).await;
        assert_eq!(old.await, Duration::from_secs(1));
    }
}
