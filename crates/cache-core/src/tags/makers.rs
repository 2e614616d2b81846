//! Who makes the markers of a tag: one caller of this process at a time. Two that did at once would each make what the other
//! stores a miss.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64;

use crate::loading::patience;

const STRIPES: usize = 64;
/// How long a caller waits for another one, which may stand still: nobody drives it but who called it. The time of its own call
/// runs meanwhile, so it is far less than a server has for a write.
const LONGEST_TURN: Duration = Duration::from_millis(100);

pub(super) struct Makers(Box<[Mutex<()>]>);

/// Whose turn it was.
pub(super) enum Whose<'a> {
    Ours(Turn<'a>),
    /// Another caller's, who has ended it: what is needed may be there.
    Ended,
    /// Another caller's, who stands still or takes too long.
    StandsStill,
}

/// A turn. Dropping it ends it.
pub(super) struct Turn<'a> {
    _begun: Vec<MutexGuard<'a, ()>>,
}

impl Makers {
    pub(super) fn new() -> Self {
        Self((0..STRIPES).map(|_| Mutex::const_new(())).collect())
    }

    /// Takes the turn for these tags. If another one has it, waits for its end instead, up to a bound.
    pub(super) async fn turn(&self, names: &[&str]) -> Whose<'_> {
        let mut begun = Vec::with_capacity(names.len());
        // In order, so that two callers with the same tags do not both wait.
        for at in in_order(names) {
            let stripe = &self.0[at];
            let Ok(guard) = stripe.try_lock() else {
                drop(begun);
                let ended = patience::at_most(LONGEST_TURN, stripe.lock()).await;
                return ended.map_or(Whose::StandsStill, |_| Whose::Ended);
            };
            begun.push(guard);
        }
        Whose::Ours(Turn { _begun: begun })
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
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn one_has_the_turn_and_others_wait_for_its_end() {
        let makers = Makers::new();
        let begun = makers.turn(&["a", "b"]).await;
        assert!(matches!(begun, Whose::Ours(_)));
        let mut waits = pin!(makers.turn(&["b"]));
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(begun);
        assert!(matches!(waits.await, Whose::Ended));
        assert!(matches!(makers.turn(&["b"]).await, Whose::Ours(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_for_one_that_stands_still() {
        let makers = Makers::new();
        let _stands_still = makers.turn(&["a"]).await;
        let start = tokio::time::Instant::now();
        assert!(matches!(makers.turn(&["a"]).await, Whose::StandsStill));
        assert_eq!(start.elapsed(), LONGEST_TURN);
    }
}
