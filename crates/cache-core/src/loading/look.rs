//! The second look in the backend: something changed since the caller that leads looked, so what it needs may be there by now.

use super::event::LoadEvent;
use super::flight::{Flight, Landed};
use super::loader::Unread;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::Result;
use crate::key::Key;
use crate::operation::Operation;

/// What the second look in the backend found.
pub(crate) enum Looked {
    /// An answer: somebody stored it in the meantime.
    Here(Landed),
    /// None, but perhaps an older value.
    Older(Option<Entry>),
}

pub(crate) async fn look(cache: &Cache, flight: &Flight, unread: Unread) -> Looked {
    let Ok(key) = Key::new(&flight.key) else {
        return Looked::Older(None);
    };
    looked(cache, key, cache.shared().backend.get(key).await, unread)
}

/// Tells that the backend was asked once more. A failure is neither a hit nor a miss.
pub(crate) fn tell_again(cache: &Cache, key: &str, found: &Result<Option<Entry>>) {
    if let Ok(found) = found {
        let hit = found.as_ref().is_some_and(|entry| !cache.is_stale(entry));
        cache.tell(key, LoadEvent::LookedAgain { hit });
    }
}

/// Says what was found. What does not read as what the caller asks for is loaded again and written over.
pub(crate) fn looked(cache: &Cache, key: Key<'_>, found: Result<Option<Entry>>, unread: Unread) -> Looked {
    tell_again(cache, key.as_str(), &found);
    let Ok(Some(entry)) = found else {
        return Looked::Older(None);
    };
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
