//! Reading: an entry that carries tags counts only while all their markers hold the generations that it belongs to.

use std::collections::HashMap;

use super::backend::TaggedBackend;
use super::tag::Tag;
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::future::CacheFuture;
use crate::key::Key;

/// What the markers of an entry say, as far as they are known at once.
enum Verdict {
    Current,
    Outdated,
    Failed(CacheError),
    /// The backend has to be waited for.
    Later,
}

impl TaggedBackend {
    /// Looks whether an entry still counts. From a backend that answers at once the answer is here at once.
    #[cold]
    pub(super) fn compare(&self, entry: Entry) -> CacheFuture<'_, Option<Entry>> {
        match self.ask_one_by_one(entry.tags()) {
            Verdict::Current => CacheFuture::ready(Ok(Some(entry))),
            Verdict::Outdated => CacheFuture::ready(Ok(None)),
            Verdict::Failed(error) => CacheFuture::ready(Err(error)),
            Verdict::Later => CacheFuture::boxed(async move {
                let current = self.current(entry.tags()).await?;
                Ok(current.into_iter().all(|is_current| is_current).then_some(entry))
            }),
        }
    }

    fn ask_one_by_one(&self, tags: &[Tag]) -> Verdict {
        for tag in tags {
            match self.inner().get(tag.marker()).into_ready() {
                Ok(Ok(marker)) if tag.is_current(marker.as_ref()) => {}
                Ok(Ok(_)) => return Verdict::Outdated,
                Ok(Err(error)) => return Verdict::Failed(error),
                Err(_) => return Verdict::Later,
            }
        }
        Verdict::Current
    }

    /// Says which of these tags are current. The backend is asked once.
    pub(crate) async fn current(&self, tags: &[Tag]) -> Result<Vec<bool>> {
        let markers = self.read_markers(tags.iter().map(Tag::marker).collect()).await?;
        let judged = tags.iter().zip(&markers);
        Ok(judged
            .map(|(tag, marker)| tag.is_current(marker.as_ref()))
            .collect())
    }

    /// Reads markers, one answer for each key. The failure of one is the failure of all.
    pub(super) async fn read_markers(&self, keys: Vec<Key<'_>>) -> Result<Vec<Option<Entry>>> {
        let count = keys.len();
        let mut found = match keys.as_slice() {
            [key] => vec![self.inner().get(*key).await?],
            _ => self
                .inner()
                .get_many(keys)
                .await?
                .into_iter()
                .collect::<Result<Vec<_>>>()?,
        };
        // A backend that gave too few answers has nothing.
        found.resize_with(count, || None);
        Ok(found)
    }

    /// Looks which of several entries still count. The backend is asked once for all their markers.
    pub(super) async fn compare_many(
        &self,
        found: Vec<Result<Option<Entry>>>,
    ) -> Result<Vec<Result<Option<Entry>>>> {
        let mut answers: HashMap<Key<'_>, Result<Option<Entry>>> = HashMap::new();
        let tagged = || found.iter().flatten().flatten().flat_map(Entry::tags);
        let mut keys: Vec<Key<'_>> = tagged().map(Tag::marker).collect();
        keys.sort_unstable();
        keys.dedup();
        answers.extend(
            keys.iter()
                .copied()
                .zip(self.inner().get_many(keys.clone()).await?),
        );
        let verdicts: Vec<Result<bool>> = found
            .iter()
            .map(|one| {
                let Ok(Some(entry)) = one else { return Ok(true) };
                entry.tags().iter().try_fold(true, |current, tag| {
                    Ok(current
                        && match answers.get(&tag.marker()) {
                            Some(Ok(marker)) => tag.is_current(marker.as_ref()),
                            Some(Err(error)) => return Err(error.clone()),
                            None => false,
                        })
                })
            })
            .collect();
        let settled = found
            .into_iter()
            .zip(verdicts)
            .map(|(one, verdict)| match verdict {
                Ok(true) => one,
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            });
        Ok(settled.collect())
    }
}
