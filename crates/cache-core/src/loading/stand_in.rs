//! The stale value that a caller gets in the place of a load: when it may be given, and that it is none which somebody
//! has invalidated meanwhile.

use super::answer::{Source, StaleReason};
use super::error::Fault;
use super::event::LoadEvent;
use super::loader::Unread;
use super::look::tell_again;
use super::settle::{Ask, Settled};
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::key::Key;

impl Ask<'_> {
    /// Returns the older value if it may be given for a load that fails.
    pub(crate) fn stand_in(self, older: Option<&Entry>) -> Option<Entry> {
        let now = self.cache.shared().clock.coarse();
        older
            .filter(|entry| self.options.may_stand_in(entry, now))
            .cloned()
    }

    /// Gives a stale value.
    pub(crate) fn stale(self, entry: Entry, reason: StaleReason) -> Settled {
        self.cache.tell(self.place.key, LoadEvent::StaleServed(reason));
        Settled::Found(entry, Source::Stale(reason))
    }

    /// Gives what stands there now in the place of an answer: it may be fresh by now.
    pub(crate) fn given(self, entry: Entry, reason: StaleReason) -> Settled {
        if self.cache.is_stale(&entry) {
            self.stale(entry, reason)
        } else {
            Settled::hit(entry)
        }
    }

    /// Answers without a load, by one that failed a short time ago, or with the stale value if too many run.
    pub(crate) fn without_load(self, stand_in: Option<&Entry>) -> Option<Result<Settled>> {
        if stand_in.is_none() && self.options.error_memory.is_none() {
            return None;
        }
        let registry = &self.cache.loads().registry;
        let now = self.cache.now();
        if let Some(failure) = registry.failure(self.place) {
            // Who has a stale value waits for the next try only, and never gets the error that others are given.
            if let Some(entry) = stand_in {
                if now < failure.retry_at {
                    return Some(Ok(self.stale(entry.clone(), reason(failure.fault))));
                }
            } else if self.options.error_memory.is_some() && now < failure.remembered_until {
                return Some(Err(failure.error));
            }
        }
        let entry = stand_in?;
        if !self.cache.loads().is_full() || registry.is_running(self.place) {
            return None;
        }
        self.cache.tell(self.place.key, LoadEvent::Refused);
        Some(Ok(self.stale(entry.clone(), StaleReason::Overload)))
    }

    /// Gives the stale value in the place of an error, where there is one.
    pub(crate) async fn failed(
        self,
        fault: Fault,
        error: CacheError,
        stand_in: Option<&Entry>,
        unread: Unread,
    ) -> Result<Settled> {
        if fault != Fault::Closed
            && let Some(entry) = stand_in
            && let Some(entry) = self.still_stands(entry, unread).await
        {
            return Ok(self.given(entry, reason(fault)));
        }
        Err(error)
    }

    /// Returns the stale value if nobody has written the key since it was read, or what stands there now. What was
    /// invalidated is never given as stale.
    pub(crate) async fn still_stands(self, entry: &Entry, unread: Unread) -> Option<Entry> {
        // The wait may have been long, so the age counts again.
        if self.cache.loads().registry.changes(self.place) == self.seen {
            return self.stand_in(Some(entry));
        }
        let found = self
            .cache
            .shared()
            .backend
            .get(Key::new(self.place.key).ok()?)
            .await;
        tell_again(self.cache, self.place.key, &found);
        let now = self.cache.shared().clock.coarse();
        found.ok().flatten().filter(|entry| {
            let reads = unread(entry, self.cache).is_none();
            reads && (!self.cache.is_stale(entry) || self.options.may_stand_in(entry, now))
        })
    }
}

fn reason(fault: Fault) -> StaleReason {
    match fault {
        Fault::TimedOut => StaleReason::Timeout,
        Fault::Refused => StaleReason::Overload,
        Fault::Failed | Fault::Backend | Fault::Cancelled | Fault::Closed => StaleReason::Error,
    }
}
