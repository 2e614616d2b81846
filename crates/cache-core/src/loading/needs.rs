//! What each key of a batch needs: the look in the backend, once for all of them, and what follows from it.

use tokio::runtime::Handle;

use super::answer::StaleReason;
use super::event::LoadEvent;
use super::loader::Unread;
use super::place::Place;
use super::settle::{Ask, Settled};
use super::settle_many::AskMany;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::{CacheError, ErrorKind, Result};
use crate::key::Key;
use crate::operation::Operation;

/// What one key needs.
pub(super) enum Need {
    Nothing(Result<Settled>),
    /// An answer is here, but it is to be renewed.
    Refresh(Settled, Entry),
    Load(Option<Entry>),
}

/// What is asked of each key, with what it needs.
pub(super) struct Needs<'a> {
    pub(super) keys: Vec<(Ask<'a>, Need)>,
    /// Whether the backend failed the look.
    pub(super) failed: bool,
}

impl<'a> AskMany<'a> {
    /// Looks in the backend, and says what each key needs.
    pub(super) async fn needs(self, keys: Vec<Key<'a>>, unread: Unread) -> Needs<'a> {
        let asks = self.asks(&keys);
        let found = self.look(keys).await;
        let failed = found.iter().any(failed_for_now);
        let needs = asks.into_iter().zip(found).map(|(mut ask, found)| {
            ask.failed = failed_for_now(&found);
            (ask, self.need(ask, found, unread))
        });
        Needs {
            keys: needs.collect(),
            failed,
        }
    }

    /// Makes what is asked of each key, before the backend is.
    fn asks(self, keys: &[Key<'a>]) -> Vec<Ask<'a>> {
        let Self {
            cache,
            options,
            ttl,
            tags,
        } = self;
        let ask = |key: &Key<'a>| {
            let place = Place::of(key.as_str());
            Ask {
                cache,
                place,
                seen: cache.loads().registry.changes(place),
                options,
                ttl,
                tags,
                failed: false,
            }
        };
        keys.iter().map(ask).collect()
    }

    /// Looks in the backend, once for all keys. There is one answer for each.
    async fn look(self, keys: Vec<Key<'a>>) -> Vec<Result<Option<Entry>>> {
        let count = keys.len();
        let mut found = match self.cache.shared().backend.get_many(keys).await {
            Ok(found) => found,
            Err(error) => vec![Err(error); count],
        };
        // A backend that gave too few answers has nothing.
        found.resize_with(count, || Ok(None));
        found
    }

    fn need(self, ask: Ask<'a>, found: Result<Option<Entry>>, unread: Unread) -> Need {
        let Self { cache, options, .. } = self;
        let entry = match found {
            Ok(Some(entry)) => entry,
            Err(error) if options.strict || error.kind() == ErrorKind::Closed => {
                return Need::Nothing(Err(error));
            }
            // Observers hear of it also where a load makes good for it.
            Err(error) => {
                drop(cache.context(Operation::GetOrLoadMany, Key::new(ask.place.key).ok(), error));
                return Need::Load(None);
            }
            Ok(None) => return Need::Load(None),
        };
        let now = cache.shared().clock.coarse();
        let is_stale = entry.stale_at() != Timestamp::MAX && now >= entry.stale_at();
        let has_runtime = Handle::try_current().is_ok();
        match unread(&entry, cache) {
            Some(error) if error.kind() == ErrorKind::NotFound => {
                cache.tell(ask.place.key, LoadEvent::NegativeHit);
                Need::Nothing(Ok(Settled::NotFound))
            }
            Some(error) => {
                // A stale entry is a miss already.
                if !is_stale {
                    cache.tell(ask.place.key, LoadEvent::Unreadable);
                }
                cache.report(Operation::GetOrLoadMany, Key::new(ask.place.key).ok(), error);
                Need::Load(None)
            }
            None if is_stale && options.may_revalidate(&entry, now) && has_runtime => {
                Need::Refresh(ask.stale(entry.clone(), StaleReason::Revalidate), entry)
            }
            None if is_stale => Need::Load(Some(entry)),
            None if has_runtime && options.is_due(&entry, now, &*cache.loads().random) => {
                Need::Refresh(Settled::hit(entry.clone()), entry)
            }
            None => Need::Nothing(Ok(Settled::hit(entry))),
        }
    }
}

/// Says whether the backend did not answer, so that it is not to be asked again.
fn failed_for_now(found: &Result<Option<Entry>>) -> bool {
    found.as_ref().is_err_and(CacheError::is_transient)
}
