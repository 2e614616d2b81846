//! Who makes the markers of a tag: one caller of this process at a time. Two that did at once would each make what the other
//! stores a miss.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64;

const STRIPES: usize = 64;

pub(super) struct Makers(Box<[Stripe]>);

#[derive(Default)]
struct Stripe {
    busy: Mutex<()>,
    failures: AtomicU64,
}

/// How a caller came to make markers.
pub(super) enum Turn<'a> {
    /// It is the one.
    Begun(Begun<'a>),
    /// Another one was at it and has ended, so what is needed may be there by now.
    Waited {
        /// It had an error. Who waited goes on without a turn: in a row they would wait for one failure after the other.
        failed: bool,
    },
}

/// A turn. Dropping it ends it.
pub(super) struct Begun<'a>(Vec<(&'a Stripe, MutexGuard<'a, ()>)>);

impl Begun<'_> {
    /// Tells those who wait that nothing was made.
    pub(super) fn failed(&self) {
        for (stripe, _) in &self.0 {
            stripe.failures.fetch_add(1, Ordering::Release);
        }
    }
}

impl Makers {
    pub(super) fn new() -> Self {
        Self((0..STRIPES).map(|_| Stripe::default()).collect())
    }

    /// Takes the turn for these tags, or waits for the one who has it.
    pub(super) async fn turn(&self, names: &[&str]) -> Turn<'_> {
        let mut begun = Vec::with_capacity(names.len());
        // In order, so that two callers with the same tags do not both wait.
        for at in in_order(names) {
            let Some(stripe) = self.0.get(at) else { continue };
            let failures = stripe.failures.load(Ordering::Acquire);
            if let Ok(guard) = stripe.busy.try_lock() {
                begun.push((stripe, guard));
                continue;
            }
            drop(begun);
            drop(stripe.busy.lock().await);
            let failed = stripe.failures.load(Ordering::Acquire) != failures;
            return Turn::Waited { failed };
        }
        Turn::Begun(Begun(begun))
    }
}

fn in_order(names: &[&str]) -> Vec<usize> {
    let stripe = |name: &&str| usize::try_from(xxh3_64(name.as_bytes()) % STRIPES as u64).unwrap_or_default();
    let mut stripes: Vec<usize> = names.iter().map(stripe).collect();
    stripes.sort_unstable();
    stripes.dedup();
    stripes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_and_others_wait_for_its_end() {
        let makers = Makers::new();
        let Turn::Begun(begun) = makers.turn(&["a", "b"]).await else {
            unreachable!("nobody is at it")
        };
        let waits = makers.turn(&["b"]);
        tokio::pin!(waits);
        assert!(futures_poll(waits.as_mut()).is_none());
        drop(begun);
        assert!(matches!(waits.await, Turn::Waited { failed: false }));
        assert!(matches!(makers.turn(&["b"]).await, Turn::Begun(_)));
    }

    #[tokio::test]
    async fn who_waits_hears_of_a_failure() {
        let makers = Makers::new();
        let Turn::Begun(begun) = makers.turn(&["a"]).await else {
            unreachable!("nobody is at it")
        };
        let waits = makers.turn(&["a"]);
        tokio::pin!(waits);
        assert!(futures_poll(waits.as_mut()).is_none());
        begun.failed();
        drop(begun);
        assert!(matches!(waits.await, Turn::Waited { failed: true }));
    }

    /// Polls once.
    fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
