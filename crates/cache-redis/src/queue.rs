//! Requests on their way to the task that writes them. Callers put theirs here and wait for the reply, each for itself: one that
//! goes leaves the others as they are, and what it asked is not sent if it was not yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use deadpool_redis::redis::{RedisResult, Value};
use tokio::sync::oneshot;

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

/// Who waits for a reply.
pub(crate) enum Caller {
    /// To one command.
    One(oneshot::Sender<RedisResult<Value>>),
    /// To several, of which these have come and so many have not.
    Many {
        sender: oneshot::Sender<RedisResult<Vec<Value>>>,
        came: Vec<Value>,
        left: usize,
    },
}

impl Caller {
    /// Says whether nobody waits any more.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Many { sender, .. } => sender.is_closed(),
        }
    }

    /// Gives the caller a reply, or takes it in if others are to follow, and returns the caller then.
    #[inline]
    pub(crate) fn reply(self, value: Value) -> Option<Self> {
        match self {
            // An error is that the caller has gone.
            Self::One(sender) => drop(sender.send(Ok(value))),
            Self::Many {
                sender,
                mut came,
                left,
            } => {
                came.push(value);
                if left > 1 {
                    let left = left - 1;
                    return Some(Self::Many { sender, came, left });
                }
                drop(sender.send(Ok(came)));
            }
        }
        None
    }

    /// Tells the caller why there is no reply.
    pub(crate) fn fail(self, cause: deadpool_redis::redis::RedisError) {
        match self {
            Self::One(sender) => drop(sender.send(Err(cause))),
            Self::Many { sender, .. } => drop(sender.send(Err(cause))),
        }
    }
}

/// What waits to be written.
#[derive(Default)]
pub(crate) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    /// What all of it weighs, and how much that may be before it is looked through.
    weight: usize,
    most: usize,
    /// Who writes, if it is not at work.
    sleeper: Option<Waker>,
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
        state.weight += request.bytes.len() + WEIGHT;
        state.waiting.push_back(request);
        if state.weight > state.most {
            state.sift();
        }
        let sleeper = state.sleeper.take();
        drop(state);
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        true
    }

    /// Takes all that waits, in exchange for an empty queue. If nothing does, who asks is woken by what comes next.
    pub(crate) fn take(&self, taken: &mut VecDeque<Request>, cx: &Context<'_>) {
        let mut state = self.state();
        if state.waiting.is_empty() {
            state.sleeper = Some(cx.waker().clone());
        } else {
            std::mem::swap(&mut state.waiting, taken);
            state.weight = 0;
        }
    }

    /// Throws away what waits and refuses what comes.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.sleeper = None;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Callers learn of it, outside of the lock.
        drop(waiting);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    #[cold]
    fn sift(&mut self) {
        self.waiting.retain(|request| !request.caller.is_gone());
        self.weight = self
            .waiting
            .iter()
            .map(|request| request.bytes.len() + WEIGHT)
            .sum();
        self.most = MUCH.max(self.weight * 2);
    }
}

#[cfg(test)]
mod tests {
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
