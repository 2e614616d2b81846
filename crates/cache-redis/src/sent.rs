//! Who waits for the replies to what was sent, in the order in which they come. Callers that have gone keep their places, or the next
//! one would get their replies; many of them in a row take the room of one.

use std::collections::VecDeque;

use deadpool_redis::redis::{RedisError, RedisResult, Value};
use tokio::sync::oneshot;

/// When so many wait, or twice of what was left the last time, those that have gone are put together: a server that takes all
/// and answers nothing would fill the memory otherwise.
const MANY: usize = 4 * 1024;

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
    /// Nobody, to so many.
    Nobody { left: usize },
}

impl Caller {
    /// Says whether nobody waits any more.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Many { sender, .. } => sender.is_closed(),
            Self::Nobody { .. } => true,
        }
    }

    /// Gives the caller a reply, or takes it in if others are to follow, and returns the caller then.
    #[inline]
    fn reply(self, value: Value) -> Option<Self> {
        match self {
            // An error is that the caller has gone.
            Self::One(sender) => drop(sender.send(Ok(value))),
            Self::Many {
                sender,
                mut came,
                left,
            } => {
                if came.is_empty() {
                    came.reserve_exact(left);
                }
                came.push(value);
                if left > 1 {
                    let left = left - 1;
                    return Some(Self::Many { sender, came, left });
                }
                drop(sender.send(Ok(came)));
            }
            Self::Nobody { left } if left > 1 => return Some(Self::Nobody { left: left - 1 }),
            Self::Nobody { .. } => {}
        }
        None
    }

    /// Tells the caller why there is no reply.
    fn fail(self, cause: RedisError) {
        match self {
            Self::One(sender) => drop(sender.send(Err(cause))),
            Self::Many { sender, .. } => drop(sender.send(Err(cause))),
            Self::Nobody { .. } => {}
        }
    }

    /// Returns how many replies are to come.
    fn left(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many { left, .. } | Self::Nobody { left } => *left,
        }
    }
}

/// All who wait.
pub(crate) struct Sent {
    callers: VecDeque<Caller>,
    /// With so many those that have gone are put together.
    most: usize,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            callers: VecDeque::new(),
            most: MANY,
        }
    }
}

impl Sent {
    /// Says whether all that was sent is answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Adds who waits for the reply that comes behind all others.
    #[inline]
    pub(crate) fn push(&mut self, caller: Caller) {
        if self.callers.len() >= self.most {
            self.put_together();
        }
        self.callers.push_back(caller);
    }

    /// Gives a reply to whom it is for. Says no if nobody asked for it.
    #[inline]
    pub(crate) fn reply(&mut self, reply: Value) -> bool {
        let Some(caller) = self.callers.pop_front() else {
            return false;
        };
        if let Some(caller) = caller.reply(reply) {
            self.callers.push_front(caller);
        }
        true
    }

    /// Tells the first that is there why there are no replies any more.
    pub(crate) fn fail(&mut self, cause: RedisError) {
        while let Some(caller) = self.callers.pop_front() {
            if !caller.is_gone() {
                return caller.fail(cause);
            }
        }
    }

    #[cold]
    fn put_together(&mut self) {
        let mut kept: VecDeque<Caller> = VecDeque::new();
        for caller in self.callers.drain(..) {
            if !caller.is_gone() {
                kept.push_back(caller);
            } else if let Some(Caller::Nobody { left }) = kept.back_mut() {
                *left += caller.left();
            } else {
                let left = caller.left();
                kept.push_back(Caller::Nobody { left });
            }
        }
        self.most = MANY.max(kept.len() * 2);
        self.callers = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type One = oneshot::Receiver<RedisResult<Value>>;

    fn one() -> (Caller, One) {
        let (sender, receiver) = oneshot::channel();
        (Caller::One(sender), receiver)
    }

    /// A row of callers of which each third stays; each fifth waits for two replies. Returns those that stay by the number of the
    /// reply that is theirs.
    fn row(sent: &mut Sent, len: usize) -> Vec<(i64, One)> {
        let mut stay = Vec::new();
        let mut number = 0;
        for at in 0..len {
            if at % 5 == 0 {
                let (sender, _) = oneshot::channel();
                let came = Vec::new();
                sent.push(Caller::Many {
                    sender,
                    came,
                    left: 2,
                });
                number += 2;
                continue;
            }
            let (caller, receiver) = one();
            sent.push(caller);
            if at % 3 == 0 {
                stay.push((number, receiver));
            }
            number += 1;
        }
        stay
    }

    #[test]
    fn everyone_gets_its_own_reply_however_many_have_gone() {
        let mut sent = Sent::default();
        let mut stay = row(&mut sent, 2 * MANY);
        let mut number = 0;
        while sent.reply(Value::Int(number)) {
            number += 1;
        }
        assert!(!stay.is_empty());
        for (number, receiver) in &mut stay {
            assert_eq!(receiver.try_recv().unwrap().unwrap(), Value::Int(*number));
        }
    }

    #[test]
    fn those_that_have_gone_take_no_room() {
        let mut sent = Sent::default();
        let (first, mut receiver) = one();
        sent.push(first);
        for _ in 0..100 * MANY {
            sent.push(one().0);
        }
        assert!(sent.callers.len() <= MANY, "{}", sent.callers.len());
        assert!(sent.reply(Value::Okay));
        assert_eq!(receiver.try_recv().unwrap().unwrap(), Value::Okay);
    }

    #[test]
    fn as_many_may_wait_as_like_to() {
        let mut sent = Sent::default();
        let receivers: Vec<One> = (0..3 * MANY)
            .map(|_| {
                let (caller, receiver) = one();
                sent.push(caller);
                receiver
            })
            .collect();
        assert_eq!(sent.callers.len(), receivers.len());
        assert!(
            sent.most > sent.callers.len(),
            "each one more would have all looked through"
        );
    }

    #[test]
    fn the_first_that_is_there_learns_why_it_ended() {
        let mut sent = Sent::default();
        let (gone, _) = one();
        sent.push(gone);
        let (there, mut receiver) = one();
        sent.push(there);
        sent.fail(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
        assert!(receiver.try_recv().unwrap().unwrap_err().is_connection_dropped());
    }
}
