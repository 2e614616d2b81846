//! The second look in the backend: something changed since the caller that leads looked, so what it needs may be there by now.

use super::event::LoadEvent;
use super::flight::{Flight, Landed};
use super::loader::Unread;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::key::Key;
use crate::operation::Operation;

/// What the second look in the backend found.
pub(crate) enum Looked {
    /// An answer: somebody stored it in the meantime.
    Here(Landed),
    /// None, but perhaps an older value.
    Older(Option<Entry>),
    /// The backend did not answer, so nobody knows what is there.
    Unanswered,
    /// The backend failed, which those who are strict take for an error.
    Failed(CacheError),
}

pub(crate) async fn look(
    cache: &Cache,
    flight: &Flight,
    older: Option<&Entry>,
    strict: bool,
    unread: Unread,
) -> Looked {
    let Ok(key) = Key::new(&flight.key) else {
        return Looked::Older(None);
    };
    let found = cache.shared().backend.get(key).await;
    looked(cache, key, found, older, strict, unread)
}

/// Tells that the backend was asked once more. A failure is neither a hit nor a miss.
pub(crate) fn tell_again(cache: &Cache, key: &str, found: &Result<Option<Entry>>) {
    if let Ok(found) = found {
        let hit = found.as_ref().is_some_and(|entry| !cache.is_stale(entry));
        cache.tell(key, LoadEvent::LookedAgain { hit });
    }
}

/// Says what was found. What does not read as what the caller asks for is loaded again and written over, and what is still the
/// older value is what was to be renewed.
pub(crate) fn looked(
    cache: &Cache,
    key: Key<'_>,
    found: Result<Option<Entry>>,
    older: Option<&Entry>,
    strict: bool,
    unread: Unread,
) -> Looked {
    tell_again(cache, key.as_str(), &found);
    let entry = match found {
        Ok(Some(entry)) => entry,
        Err(error) if strict => return Looked::Failed(error),
        Err(error) if error.is_transient() => return Looked::Unanswered,
        Ok(None) | Err(_) => return Looked::Older(None),
    };
    if older.is_some_and(|older| is_same(older, &entry)) {
        return Looked::Older(Some(entry));
    }
    if entry.value().is_not_found() && !cache.is_stale(&entry) {
        return Looked::Here(Landed::NotFound);
    }
    if let Some(error) = unread(&entry, cache) {
        cache.report(Operation::GetOrLoad, Some(key), error);
        return Looked::Older(None);
    }
    if cache.is_stale(&entry) {
        return Looked::Older(Some(entry));
    }
    Looked::Here(Landed::Found { entry, loaded: false })
}

/// Says whether nobody has stored another entry in between, as far as can be told from outside.
fn is_same(one: &Entry, other: &Entry) -> bool {
    let stamps = |entry: &Entry| (entry.created(), entry.stale_at(), entry.expires_at());
    stamps(one) == stamps(other)
}
