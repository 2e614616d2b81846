//! The slow thing that the cache stands in front of. It plays a database: the data is shipped with the program, each
//! answer takes its time, and every question is counted, so that it shows how many of them the cache spares.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use metrics::{Unit, counter, describe_counter};

use crate::product::{Change, Product};

/// One JSON object for each product, one product on each line.
const DATA: &str = include_str!("../data/products.jsonl");
/// The service's own metric, beside those of the caches.
const LOOKUPS: &str = "using_cache_source_lookups_total";

/// The products, behind a delay.
#[derive(Debug)]
pub struct Source {
    products: RwLock<BTreeMap<u64, Product>>,
    delay: Duration,
    lookups: AtomicU64,
    stopped: AtomicBool,
}

/// The source is stopped and answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStopped;

impl fmt::Display for SourceStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source is stopped; POST /source/start starts it")
    }
}

impl Error for SourceStopped {}

impl Source {
    /// Makes the source of the data that is shipped with the program.
    ///
    /// # Errors
    /// If that data is malformed.
    pub fn embedded(delay: Duration) -> Result<Self, DataError> {
        Self::parse(DATA, delay)
    }

    /// Makes a source of products in JSON, one on each line.
    ///
    /// # Errors
    /// If a line is no product, or two products have one id.
    pub fn parse(text: &str, delay: Duration) -> Result<Self, DataError> {
        let mut products = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let product: Product =
                serde_json::from_str(text).map_err(|cause| DataError::NoProduct { line, cause })?;
            let id = product.id;
            if products.insert(id, product).is_some() {
                return Err(DataError::Twice { line, id });
            }
        }
        // Shown as zero before the first question.
        describe_counter!(LOOKUPS, Unit::Count, "Questions that the slow source was asked.");
        counter!(LOOKUPS).increment(0);
        Ok(Self {
            products: RwLock::new(products),
            delay,
            lookups: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        })
    }

    /// Stops the source, as an outage would, or starts it again.
    pub fn set_stopped(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Release);
    }

    /// Says whether the source is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Looks a product up.
    ///
    /// # Errors
    /// While the source is stopped, as with every question.
    pub async fn product(&self, id: u64) -> Result<Option<Product>, SourceStopped> {
        self.answer().await?;
        Ok(self.read().get(&id).cloned())
    }

    /// Looks several products up with one question. The answer is in the order of the ids.
    ///
    /// # Errors
    /// While the source is stopped.
    pub async fn products(&self, ids: &[u64]) -> Result<Vec<Option<Product>>, SourceStopped> {
        self.answer().await?;
        let products = self.read();
        Ok(ids.iter().map(|id| products.get(id).cloned()).collect())
    }

    /// Returns the ids of the first products with this word in the name or the category, in lower case.
    ///
    /// # Errors
    /// While the source is stopped.
    pub async fn search(&self, word: &str, most: usize) -> Result<Vec<u64>, SourceStopped> {
        self.answer().await?;
        let products = self.read();
        let found = products
            .values()
            .filter(|product| product.name.to_lowercase().contains(word) || product.category.contains(word));
        Ok(found.take(most).map(|product| product.id).collect())
    }

    /// Changes a product and returns it as it is then, or nothing if there is none.
    ///
    /// # Errors
    /// While the source is stopped.
    pub async fn update(&self, id: u64, change: Change) -> Result<Option<Product>, SourceStopped> {
        self.answer().await?;
        let mut products = self.products.write().unwrap_or_else(PoisonError::into_inner);
        Ok(products.get_mut(&id).map(|product| {
            change.apply(product);
            product.clone()
        }))
    }

    /// Returns how many products there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Says whether there are no products.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Returns how many questions were asked.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
    }

    /// Counts a question and waits as long as an answer takes.
    async fn answer(&self) -> Result<(), SourceStopped> {
        if self.is_stopped() {
            return Err(SourceStopped);
        }
        self.lookups.fetch_add(1, Ordering::Relaxed);
        counter!(LOOKUPS).increment(1);
        tokio::time::sleep(self.delay).await;
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Product>> {
        self.products.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can be wrong with the data file. Lines are counted from 1.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataError {
    /// A line does not read as a product.
    NoProduct {
        /// The line.
        line: usize,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// A line has an id that another line before it has.
    Twice {
        /// The line.
        line: usize,
        /// The id.
        id: u64,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProduct { line, .. } => {
                write!(f, "line {line} of the products is not a product; correct it")
            }
            Self::Twice { line, id } => write!(
                f,
                "line {line} of the products has the id {id} again; give it its own"
            ),
        }
    }
}

impl Error for DataError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoProduct { cause, .. } => Some(cause),
            Self::Twice { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUP: &str = r#"{"id":7,"name":"Cup","category":"kitchen","price_cents":900,"stock":3,"description":"To drink from."}"#;

    fn parse(lines: &[&str]) -> Result<Source, DataError> {
        Source::parse(&lines.join("\n"), Duration::ZERO)
    }

    #[test]
    fn the_shipped_data_is_well_formed() {
        assert_eq!(Source::embedded(Duration::ZERO).unwrap().len(), 5_000);
    }

    #[test]
    fn the_shipped_ids_count_from_one() {
        let source = Source::embedded(Duration::ZERO).unwrap();
        assert!(source.read().keys().copied().eq(1..=5_000));
    }

    #[test]
    fn no_lines_are_no_products() {
        assert!(parse(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_no_product_is_located() {
        let short = r#"{"id":8,"name":"Plate"}"#;
        let negative = CUP.replace(":7", ":8").replace("900", "-900");
        for bad in ["", "cup", "[]", short, negative.as_str()] {
            let error = parse(&[CUP, bad, CUP]).unwrap_err();
            assert!(
                matches!(error, DataError::NoProduct { line: 2, .. }),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn an_id_that_comes_twice_is_located() {
        let error = parse(&[CUP, CUP]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2 of the products has the id 7 again; give it its own"
        );
    }

    #[tokio::test]
    async fn a_change_keeps_what_it_leaves_out() {
        let source = parse(&[CUP]).unwrap();
        let changed = source
            .update(
                7,
                Change {
                    stock: Some(0),
                    price_cents: None,
                },
            )
            .await
            .unwrap()
            .unwrap();
        assert_eq!((changed.stock, changed.price_cents), (0, 900));
        assert_eq!(source.product(7).await, Ok(Some(changed)));
    }

    #[tokio::test]
    async fn every_question_is_counted_once() {
        let source = parse(&[CUP]).unwrap();
        source.product(7).await.unwrap();
        source.products(&[7, 8, 9]).await.unwrap();
        source.search("cup", 5).await.unwrap();
        assert_eq!(source.lookups(), 3);
    }

    #[tokio::test]
    async fn a_stopped_source_answers_nothing_until_it_is_started() {
        let source = parse(&[CUP]).unwrap();
        source.set_stopped(true);
        assert_eq!(source.product(7).await, Err(SourceStopped));
        source.set_stopped(false);
        assert!(source.product(7).await.is_ok());
    }
}
