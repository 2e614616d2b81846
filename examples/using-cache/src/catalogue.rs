//! The catalogue: the source with the caches in front of it. This file is where the caches are used.
//!
//! Reads go through `get_or_load`: what is not in the cache is asked of the source, once for all who ask at the same
//! time. While the source is down, products are given that are older than their TTL. Updates change the source and then
//! delete from the cache, in this order; a load that has the old product by then does not store it.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheError, ErrorKind, LoadContext, Result};

use crate::caches::Caches;
use crate::lookups::{CacheReport, CacheStatus, Lookups};
use crate::product::{Change, Product};
use crate::source::{Source, SourceStopped};
use crate::unknown::Unknown;

/// The stock of a scarce product changes what people are told, so it is cached for a shorter time.
const SCARCE_TTL: Duration = Duration::from_secs(5);
/// The most products that a search returns.
const MOST_FOUND: usize = 10;

/// Products, read through the caches.
#[derive(Debug)]
pub struct Catalogue {
    source: Arc<Source>,
    caches: Caches,
    product_lookups: Lookups,
    search_lookups: Lookups,
    scarce_ttl: Duration,
}

/// An answer, and whether the cache had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer. What it holds in an `Arc` is shared with the cache: nothing is copied.
    pub value: T,
    /// Whether the cache had it.
    pub status: CacheStatus,
}

impl<T> From<cache_core::Answer<T>> for Answer<T> {
    fn from(answer: cache_core::Answer<T>) -> Self {
        Self {
            status: CacheStatus::of(answer.source),
            value: answer.value,
        }
    }
}

impl Catalogue {
    /// Puts caches in front of a source. `ttl` is that of the cache of products.
    pub fn new(source: Source, caches: Caches, ttl: Duration) -> Self {
        let (product_lookups, search_lookups) = <(Lookups, Lookups)>::default();
        Self {
            source: Arc::new(source),
            caches,
            product_lookups,
            search_lookups,
            scarce_ttl: ttl.min(SCARCE_TTL),
        }
    }

    /// Returns a product. That there is none is an answer too, and cached as one for a shorter time: a link that went dead
    /// must not ask the source each time. Requests that miss at the same time ask the source once.
    ///
    /// # Errors
    /// What the cache reports: that the source is stopped, and no older product is there.
    pub async fn product(&self, id: u64) -> Result<Answer<Option<Arc<Product>>>> {
        let (source, scarce_ttl) = (Arc::clone(&self.source), self.scarce_ttl);
        let (key, unknown) = (id.to_string(), Unknown::default());
        let noted = unknown.clone();
        let load = move |_: LoadContext<Product>| async move {
            Ok::<_, SourceStopped>(noted.loaded(id, source.product(id).await?, scarce_ttl))
        };
        let found = self
            .caches
            .products
            .get_or_load(&key, load)
            .shared()
            .detailed()
            .await?;
        Ok(self.count(unknown.answer(id, found)))
    }

    /// Returns several products, in the order of the ids. The cache is asked once for all of them, and so is the
    /// source for those that it does not have.
    ///
    /// # Errors
    /// What the cache reports.
    pub async fn products(&self, ids: &[u64]) -> Result<Vec<Answer<Option<Arc<Product>>>>> {
        let (source, scarce_ttl) = (Arc::clone(&self.source), self.scarce_ttl);
        let keys: Vec<String> = ids.iter().map(u64::to_string).collect();
        let unknown = Unknown::default();
        let noted = unknown.clone();
        let load = move |keys: Vec<String>| async move {
            let ids: Vec<u64> = keys.iter().filter_map(|key| key.parse().ok()).collect();
            let products = source.products(&ids).await?;
            let loaded = ids.into_iter().zip(products);
            let loaded = loaded.map(|(id, product)| Ok(noted.loaded(id, product, scarce_ttl)));
            Ok::<Vec<_>, SourceStopped>(keys.into_iter().zip(loaded).collect())
        };
        let found = self
            .caches
            .products
            .get_or_load_many(&keys, load)
            .shared()
            .detailed()
            .await;
        ids.iter()
            .zip(found)
            .map(|(id, found)| found.map(|found| self.count(unknown.answer(*id, found))))
            .collect()
    }

    /// Counts an answer about a product.
    fn count<T>(&self, answer: Answer<T>) -> Answer<T> {
        self.product_lookups.count(answer.status);
        answer
    }

    /// Returns the ids of the products that a word finds. The second cache of the process.
    ///
    /// # Errors
    /// What the cache reports: of an empty word, that a key cannot be empty.
    pub async fn search(&self, word: &str) -> Result<Answer<Arc<Vec<u64>>>> {
        let word = word.trim().to_lowercase();
        let (source, asked) = (Arc::clone(&self.source), word.clone());
        let load = || async move { source.search(&asked, MOST_FOUND).await };
        let found = self
            .caches
            .searches
            .get_or_load(&word, load)
            .shared()
            .detailed()
            .await?;
        let answer = Answer::from(found);
        self.search_lookups.count(answer.status);
        Ok(answer)
    }

    /// Changes a product and returns it as it is then, or nothing if there is none.
    ///
    /// # Errors
    /// That the source is stopped, and what the cache reports. In the latter case the source is changed even so.
    pub async fn update(&self, id: u64, change: Change) -> Result<Option<Product>> {
        let updated = self.source.update(id, change).await.map_err(|stopped| {
            CacheError::new(ErrorKind::Load, "the product was not changed").with_source(stopped)
        })?;
        self.forget(id).await?;
        Ok(updated)
    }

    /// Takes a product out of the cache and says whether it was there.
    ///
    /// # Errors
    /// What the cache reports.
    pub async fn forget(&self, id: u64) -> Result<bool> {
        self.caches.products.delete(&id.to_string()).await
    }

    /// Empties the cache of products.
    ///
    /// # Errors
    /// What the cache reports.
    pub async fn clear(&self) -> Result<()> {
        self.caches.products.clear().await
    }

    /// Returns the caches.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Returns the source.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Returns what is known about each cache now.
    pub fn reports(&self) -> [CacheReport; 2] {
        [
            self.product_lookups.report(&self.caches.products),
            self.search_lookups.report(&self.caches.searches),
        ]
    }
}

#[cfg(test)]
mod tests {
    use cache_core::ErrorKind;

    use super::*;
    use crate::caches;

    async fn catalogue() -> Catalogue {
        let caches = caches::in_memory(100).await;
        Catalogue::new(
            Source::embedded(Duration::ZERO).unwrap(),
            caches,
            Duration::from_secs(60),
        )
    }

    #[tokio::test]
    async fn a_product_is_asked_of_the_source_once() {
        let catalogue = catalogue().await;
        let (first, second) = (
            catalogue.product(7).await.unwrap(),
            catalogue.product(7).await.unwrap(),
        );
        assert_eq!(
            (first.status, second.status),
            (CacheStatus::Miss, CacheStatus::Hit)
        );
        assert!(Arc::ptr_eq(&first.value.unwrap(), &second.value.unwrap()));
        assert_eq!(catalogue.source().lookups(), 1);
    }

    #[tokio::test]
    async fn that_there_is_no_product_is_cached() {
        let catalogue = catalogue().await;
        let (first, second) = (
            catalogue.product(0).await.unwrap(),
            catalogue.product(0).await.unwrap(),
        );
        assert_eq!(
            (first.status, second.status),
            (CacheStatus::Miss, CacheStatus::Hit)
        );
        assert_eq!((first.value, second.value), (None, None));
        assert_eq!(catalogue.source().lookups(), 1);
    }

    #[tokio::test]
    async fn several_products_come_in_the_order_of_their_ids_and_absent_ones_with_one_question() {
        let catalogue = catalogue().await;
        catalogue.product(8).await.unwrap();
        let answers = catalogue.products(&[9, 8, 0, 7]).await.unwrap();
        let ids: Vec<_> = answers
            .iter()
            .map(|answer| answer.value.as_ref().map(|product| product.id))
            .collect();
        assert_eq!(ids, [Some(9), Some(8), None, Some(7)]);
        let hits: Vec<_> = answers
            .iter()
            .map(|answer| answer.status == CacheStatus::Hit)
            .collect();
        assert_eq!(hits, [false, true, false, false]);
        assert_eq!(catalogue.source().lookups(), 2);
        let again = catalogue.products(&[9, 8, 0, 7]).await.unwrap();
        assert!(again.iter().all(|answer| answer.status == CacheStatus::Hit));
    }

    #[tokio::test]
    async fn an_update_shows_at_once() {
        let catalogue = catalogue().await;
        catalogue.product(7).await.unwrap();
        catalogue
            .update(
                7,
                Change {
                    price_cents: Some(1),
                    stock: None,
                },
            )
            .await
            .unwrap();
        let after = catalogue.product(7).await.unwrap();
        assert_eq!(after.status, CacheStatus::Miss);
        assert_eq!(after.value.unwrap().price_cents, 1);
    }

    #[tokio::test]
    async fn a_search_ignores_case_and_blanks() {
        let catalogue = catalogue().await;
        let (first, second) = (
            catalogue.search("LAMP").await.unwrap(),
            catalogue.search(" lamp ").await.unwrap(),
        );
        assert_eq!(
            (first.status, second.status),
            (CacheStatus::Miss, CacheStatus::Hit)
        );
        assert_eq!(first.value.len(), MOST_FOUND);
    }

    #[tokio::test]
    async fn a_closed_cache_is_an_error_and_no_answer() {
        let catalogue = catalogue().await;
        catalogue.caches().close().await.unwrap();
        assert_eq!(catalogue.product(7).await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(
            catalogue.products(&[7]).await.unwrap_err().kind(),
            ErrorKind::Closed
        );
    }

    #[tokio::test]
    async fn reports_count_each_key_of_a_batch() {
        let catalogue = catalogue().await;
        catalogue.products(&[1, 2, 3]).await.unwrap();
        catalogue.products(&[1, 2, 3, 4]).await.unwrap();
        let [products, searches] = catalogue.reports();
        assert_eq!((products.hits, products.misses), (3, 4));
        assert_eq!((searches.hits, searches.misses, searches.hit_ratio), (0, 0, None));
    }

    #[tokio::test]
    async fn requests_that_miss_at_the_same_time_ask_the_source_once() {
        let catalogue = catalogue().await;
        let (first, second) = tokio::join!(catalogue.product(7), catalogue.product(7));
        assert_eq!(
            (first.unwrap().status, second.unwrap().status),
            (CacheStatus::Miss, CacheStatus::Miss)
        );
        assert_eq!(catalogue.source().lookups(), 1);
    }

    #[tokio::test]
    async fn a_stopped_source_is_an_error_where_nothing_older_is_there() {
        let catalogue = catalogue().await;
        catalogue.product(8).await.unwrap();
        catalogue.source().set_stopped(true);
        let error = catalogue.product(7).await.unwrap_err();
        assert_eq!(error.downcast_ref::<SourceStopped>(), Some(&SourceStopped));
        assert_eq!(catalogue.product(8).await.unwrap().status, CacheStatus::Hit);
    }
}
