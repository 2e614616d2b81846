//! Requests on their way to the task that writes them. Callers put theirs here and wait for the reply, each for itself: one that
//! goes leaves the others as they are, and what it asked is not sent unless that had begun.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use crate::sent::Caller;

/// What a request weighs besides its bytes.
const WEIGHT: usize = 128;

/// When so much waits, or twice of what was left the last time, what nobody waits for any more is thrown away: a task that cannot
/// write looks at none of it.
const MUCH: usize = 1024 * 1024;

/// A request and who waits for its reply.
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) caller: Caller,
}

impl Request {
    /// Returns how much room it takes, about.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + WEIGHT
    }
}

/// What waits to be written.
#[derive(Default)]
pub(crate) struct Queue(Mutex<State>);

struct State {
    waiting: VecDeque<Request>,
    /// What all of it weighs, and how much that may be before it is looked through.
    weight: usize,
    most: usize,
    /// Who writes, unless it has been told of something that it has not taken yet.
    writer: Option<Waker>,
    ended: bool,
}

impl Queue {
    /// Puts a request at the end. Says no if the connection has ended.
    #[inline]
    pub(crate) fn push(&self, request: Request) -> bool {
        let mut state = self.state();
        if state.ended {
            return false;
        }
        state.weight += request.weight();
        state.waiting.push_back(request);
        if state.weight > state.most {
            state.sift();
        }
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        true
    }

    /// Takes all that waits and returns its weight. Who asks is woken by what comes next.
    pub(crate) fn take(&self, taken: &mut VecDeque<Request>, cx: &Context<'_>) -> usize {
        let mut state = self.state();
        if taken.is_empty() {
            mem::swap(&mut state.waiting, taken);
        } else {
            taken.append(&mut state.waiting);
        }
        state.most = MUCH;
        state.writer = Some(cx.waker().clone());
        mem::take(&mut state.weight)
    }

    /// Says whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.state().waiting.is_empty()
    }

    /// Throws away what waits and refuses what comes.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.writer = None;
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        // Callers learn of it, outside of the lock.
        drop(waiting);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            weight: 0,
            most: MUCH,
            writer: None,
            ended: false,
        }
    }
}

impl State {
    #[cold]
    fn sift(&mut self) {
        self.waiting.retain(|request| !request.caller.is_gone());
        self.weight = self.waiting.iter().map(Request::weight).sum();
        self.most = MUCH.max(self.weight * 2);
    }
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::{RedisResult, Value};
    use tokio::sync::oneshot;

    use super::*;

    fn request(len: usize) -> (Request, oneshot::Receiver<RedisResult<Value>>) {
        let (sender, receiver) = oneshot::channel();
        let caller = Caller::One(sender);
        let bytes = vec![0; len];
        (Request { bytes, caller }, receiver)
    }

    fn taken(queue: &Queue) -> usize {
        let mut taken = VecDeque::new();
        queue.take(&mut taken, &Context::from_waker(Waker::noop()));
        taken.len()
    }

    #[test]
    fn what_nobody_waits_for_does_not_pile_up_while_nothing_can_be_written() {
        let queue = Queue::default();
        let (kept, _receiver) = request(MUCH / 2);
        assert!(queue.push(kept));
        for _ in 0..1_000 {
            assert!(queue.push(request(MUCH / 2).0));
            assert!(queue.state().weight <= 4 * MUCH, "{}", queue.state().weight);
        }
        let (last, receiver) = request(3 * MUCH);
        drop(receiver);
        assert!(queue.push(last));
        assert_eq!(taken(&queue), 1);
    }

    /// A burst of much that was waited for leaves no room for as much that is not.
    #[test]
    fn what_was_taken_counts_no_more() {
        let queue = Queue::default();
        let receivers: Vec<_> = (0..20)
            .map(|_| {
                let (request, receiver) = request(MUCH / 2);
                assert!(queue.push(request));
                receiver
            })
            .collect();
        assert_eq!(taken(&queue), receivers.len());
        for _ in 0..20 {
            assert!(queue.push(request(MUCH / 2).0));
            assert!(queue.state().weight <= 2 * MUCH, "{}", queue.state().weight);
        }
    }

    #[test]
    fn what_is_waited_for_stays() {
        let queue = Queue::default();
        let receivers: Vec<_> = (0..20)
            .map(|_| {
                let (request, receiver) = request(MUCH / 2);
                assert!(queue.push(request));
                receiver
            })
            .collect();
        let (most, weight) = {
            let state = queue.state();
            (state.most, state.weight)
        };
        assert!(most > weight, "each one more would have all looked through");
        assert_eq!(taken(&queue), receivers.len());
    }

    #[test]
    fn who_waits_at_an_ended_connection_learns_it() {
        let queue = Queue::default();
        let (before, mut waiting) = request(1);
        assert!(queue.push(before));
        queue.end();
        assert!(!queue.push(request(1).0));
        assert_eq!(
            waiting.try_recv().unwrap_err(),
            oneshot::error::TryRecvError::Closed
        );
    }
}
