//! What the visitors of the shop do: which requests the generator makes, in which mix.

use cache_core::Result;
use fastrand::Rng;

use crate::catalogue::Catalogue;
use crate::ids::Ids;
use crate::product::Change;

/// What people search for.
const WORDS: [&str; 24] = [
    "lamp",
    "garden",
    "steel",
    "bag",
    "towel",
    "oak",
    "cup",
    "toys",
    "knife",
    "desk",
    "bike",
    "radio",
    "copper",
    "rope",
    "wool",
    "pot",
    "mat",
    "travel",
    "linen",
    "brass",
    "hammer",
    "kite",
    "leash",
    "nothing like it",
];
/// Ids from here on have no product.
const UNKNOWN: u64 = 1_000_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Look at a product.
    View(u64),
    /// Look at several at once.
    Basket(Vec<u64>),
    /// Search, and look at what was found.
    Search(&'static str),
    /// Change the stock, as after a sale or a delivery.
    Restock(u64, u32),
    /// Take a product out of the cache, as an editor does.
    Forget(u64),
}

impl Visit {
    /// Chooses the next request: of a hundred, 78 look at a product, 6 at a basket, 8 search, 5 change the stock, 2
    /// forget, and 1 follows a dead link.
    pub(crate) fn choose(ids: &mut Ids, random: &mut Rng) -> Self {
        match random.u8(..100) {
            0..78 => Self::View(ids.next(random)),
            78..84 => Self::Basket((0..random.usize(2..=6)).map(|_| ids.next(random)).collect()),
            84..92 => Self::Search(WORDS[random.usize(..WORDS.len())]),
            92..97 => Self::Restock(ids.next(random), random.u32(..200)),
            97..99 => Self::Forget(ids.next(random)),
            _ => Self::View(UNKNOWN + random.u64(..1_000)),
        }
    }

    /// Does it, with the functions that HTTP requests end in too.
    pub(crate) async fn make(self, catalogue: &Catalogue) -> Result<()> {
        match self {
            Self::View(id) => catalogue.product(id).await.map(drop),
            Self::Basket(ids) => catalogue.products(&ids).await.map(drop),
            Self::Search(word) => {
                let found = catalogue.search(word).await?;
                catalogue.products(&found.value).await.map(drop)
            }
            Self::Restock(id, stock) => catalogue
                .update(
                    id,
                    Change {
                        stock: Some(stock),
                        price_cents: None,
                    },
                )
                .await
                .map(drop),
            Self::Forget(id) => catalogue.forget(id).await.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::{Discriminant, discriminant};

    use super::*;

    fn chosen(seed: u64, times: usize) -> Vec<Visit> {
        let (mut ids, mut random) = (Ids::skewed(5_000), Rng::with_seed(seed));
        (0..times).map(|_| Visit::choose(&mut ids, &mut random)).collect()
    }

    #[test]
    fn one_seed_gives_the_same_traffic() {
        assert_eq!(chosen(3, 200), chosen(3, 200));
        assert_ne!(chosen(3, 200), chosen(4, 200));
    }

    #[test]
    fn the_mix_is_the_documented_one() {
        let visits = chosen(1, 20_000);
        let share = |kind: Discriminant<Visit>| {
            visits.iter().filter(|visit| discriminant(*visit) == kind).count() as f64 / visits.len() as f64
        };
        let expected = [
            (Visit::View(1), 0.79),
            (Visit::Basket(Vec::new()), 0.06),
            (Visit::Search("lamp"), 0.08),
            (Visit::Restock(1, 1), 0.05),
            (Visit::Forget(1), 0.02),
        ];
        for (visit, expected) in expected {
            let seen = share(discriminant(&visit));
            assert!(
                (seen - expected).abs() < 0.01,
                "{visit:?}: {seen} instead of {expected}"
            );
        }
    }
}
