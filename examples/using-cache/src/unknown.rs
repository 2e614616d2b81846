//! Products that are not there: what the cache remembers of them, and what an answer about one says of the cache.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::Loaded;

use crate::catalogue::Answer;
use crate::lookups::CacheStatus;
use crate::product::Product;

/// The ids that the source had no product for when a call asked it. Of an answer that there is nothing the cache does not
/// say where it comes from, so a call that did not ask itself takes it for remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unknown(Arc<Mutex<BTreeSet<u64>>>);

impl Unknown {
    /// Makes of what the source said what the cache is to do with it. That there is none is remembered for the negative
    /// TTL, and given no longer than that, whatever becomes of the source.
    pub(crate) fn loaded(&self, id: u64, product: Option<Product>, scarce_ttl: Duration) -> Loaded<Product> {
        match product {
            Some(product) if product.is_scarce() => Loaded::store(product).ttl(scarce_ttl),
            Some(product) => Loaded::store(product),
            None => {
                self.ids().insert(id);
                Loaded::not_found()
            }
        }
    }

    /// Says what the cache answered, and whether it had the answer: also where the call joined one that asked the source.
    pub(crate) fn answer(
        &self,
        id: u64,
        found: Option<cache_core::Answer<Arc<Product>>>,
    ) -> Answer<Option<Arc<Product>>> {
        let (value, status) = match found {
            Some(found) => (Some(found.value), CacheStatus::of(found.source)),
            None if self.ids().contains(&id) => (None, CacheStatus::Miss),
            None => (None, CacheStatus::Hit),
        };
        Answer { value, status }
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
