//! The catalogue: the source with the caches in front of it. This file is where the caches are used.
//!
//! Reads look in the cache first, ask the source on a miss, and store its answer. Updates change the source and then
//! delete from the cache, in this order: the other way round, a read in between would store the old value again.
//! What remains is a read that has the old value from the source while the update deletes, and stores it after; the
//! TTL bounds how long that shows.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{Expiration, Result, Value};

use crate::caches::Caches;
use crate::lookups::{CacheReport, CacheStatus, Lookups};
use crate::product::{Change, Product};
use crate::source::Source;

/// The stock of a scarce product changes what people are told, so it is cached for a shorter time.
const SCARCE_TTL: Duration = Duration::from_secs(5);
/// The most products that a search returns.
const MOST_FOUND: usize = 10;

/// Products, read through the caches.
#[derive(Debug)]
pub struct Catalogue {
    source: Source,
    caches: Caches,
    product_lookups: Lookups,
    search_lookups: Lookups,
    scarce_ttl: Duration,
}

/// An answer, and whether the cache had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer, shared with the cache: nothing is copied.
    pub value: Arc<T>,
    /// Whether the cache had it.
    pub status: CacheStatus,
}

impl Catalogue {
    /// Puts caches in front of a source. `ttl` is that of the cache of products.
    pub fn new(source: Source, caches: Caches, ttl: Duration) -> Self {
        let (product_lookups, search_lookups) = <(Lookups, Lookups)>::default();
        Self {
            source,
            caches,
            product_lookups,
            search_lookups,
            scarce_ttl: ttl.min(SCARCE_TTL),
        }
    }

    /// Returns a product. That there is none is an answer too, and cached as one: a link that went dead must not ask
    /// the source each time. Requests that miss at the same time ask the source one by one.
    ///
    /// # Errors
    /// What the cache reports.
    pub async fn product(&self, id: u64) -> Result<Answer<Option<Product>>> {
        let key = id.to_string();
        if let Some(value) = self.caches.products.get::<Option<Product>>(&key).shared().await? {
            self.product_lookups.count(1, 0);
            return Ok(Answer {
                value,
                status: CacheStatus::Hit,
            });
        }
        self.product_lookups.count(0, 1);

        let value = Arc::new(self.source.product(id).await);
        let life = self.life(Option::as_ref(&value));
        self.caches
            .products
            .set(&key, Value::shared(Arc::clone(&value)))
            .expiration(life)
            .await?;
        Ok(Answer {
            value,
            status: CacheStatus::Miss,
        })
    }

    /// Returns several products, in the order of the ids. The cache is asked once for all of them, and so is the
    /// source for those that it does not have.
    ///
    /// # Errors
    /// What the cache reports.
    pub async fn products(&self, ids: &[u64]) -> Result<Vec<Answer<Option<Product>>>> {
        let keys: Vec<String> = ids.iter().map(u64::to_string).collect();
        let cached = self
            .caches
            .products
            .get_many::<Option<Product>>(&keys)
            .shared()
            .await;
        let cached = cached
            .into_iter()
            .collect::<Result<Vec<Option<Arc<Option<Product>>>>>>()?;

        let absent: Vec<u64> = ids
            .iter()
            .zip(&cached)
            .filter(|(_, cached)| cached.is_none())
            .map(|(id, _)| *id)
            .collect();
        self.product_lookups.count(ids.len() - absent.len(), absent.len());
        let loaded = self.load(&absent).await?;

        let mut loaded = loaded.into_iter();
        let answer = |cached: Option<Arc<Option<Product>>>| match cached {
            Some(value) => Answer {
                value,
                status: CacheStatus::Hit,
            },
            None => Answer {
                value: loaded.next().unwrap_or_default(),
                status: CacheStatus::Miss,
            },
        };
        Ok(cached.into_iter().map(answer).collect())
    }

    /// Asks the source for products and stores them. All entries of one `set_many` live equally long, so there is one
    /// for each life.
    async fn load(&self, ids: &[u64]) -> Result<Vec<Arc<Option<Product>>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let products: Vec<_> = self
            .source
            .products(ids)
            .await
            .into_iter()
            .map(Arc::new)
            .collect();
        let keys: Vec<String> = ids.iter().map(u64::to_string).collect();
        for life in [Expiration::Default, Expiration::After(self.scarce_ttl)] {
            let entries = keys
                .iter()
                .zip(&products)
                .filter(|(_, product)| self.life(Option::as_ref(product)) == life);
            let entries = entries.map(|(key, product)| (key.as_str(), Value::shared(Arc::clone(product))));
            let stored = self.caches.products.set_many(entries).expiration(life).await;
            stored.into_iter().collect::<Result<()>>()?;
        }
        Ok(products)
    }

    /// Returns the ids of the products that a word finds. The second cache of the process.
    ///
    /// # Errors
    /// What the cache reports: of an empty word, that a key cannot be empty.
    pub async fn search(&self, word: &str) -> Result<Answer<Vec<u64>>> {
        let word = word.trim().to_lowercase();
        if let Some(value) = self.caches.searches.get::<Vec<u64>>(&word).shared().await? {
            self.search_lookups.count(1, 0);
            return Ok(Answer {
                value,
                status: CacheStatus::Hit,
            });
        }
        self.search_lookups.count(0, 1);

        let value = Arc::new(self.source.search(&word, MOST_FOUND).await);
        self.caches
            .searches
            .set(&word, Value::shared(Arc::clone(&value)))
            .await?;
        Ok(Answer {
            value,
            status: CacheStatus::Miss,
        })
    }

    /// Changes a product and returns it as it is then, or nothing if there is none.
    ///
    /// # Errors
    /// What the cache reports. The source is changed even so.
    pub async fn update(&self, id: u64, change: Change) -> Result<Option<Product>> {
        let updated = self.source.update(id, change).await;
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

    /// Says how long an answer is to live.
    fn life(&self, answer: Option<&Product>) -> Expiration {
        match answer {
            Some(product) if product.is_scarce() => Expiration::After(self.scarce_ttl),
            _ => Expiration::Default,
        }
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
        assert!(Arc::ptr_eq(&first.value, &second.value));
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
        assert_eq!((&*first.value, &*second.value), (&None, &None));
    }

    #[tokio::test]
    async fn several_products_come_in_the_order_of_their_ids_and_absent_ones_with_one_question() {
        let catalogue = catalogue().await;
        catalogue.product(8).await.unwrap();
        let answers = catalogue.products(&[9, 8, 0, 7]).await.unwrap();
        let ids: Vec<_> = answers
            .iter()
            .map(|answer| (*answer.value).as_ref().map(|product| product.id))
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
        assert_eq!((*after.value).as_ref().unwrap().price_cents, 1);
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
}
