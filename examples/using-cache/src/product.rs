//! What the catalogue is about, and what may change in it.

use serde::{Deserialize, Serialize};

/// Below this stock a product is scarce: how many are left changes the answer.
const SCARCE: u32 = 6;

/// A product, as it stands in the data file and in answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The number that it is known by.
    pub id: u64,
    /// What it is called.
    pub name: String,
    /// The department that it belongs to.
    pub category: String,
    /// What it costs.
    pub price_cents: u32,
    /// How many there are.
    pub stock: u32,
    /// A sentence about it.
    pub description: String,
}

impl Product {
    /// Says whether it is about to sell out.
    pub fn is_scarce(&self) -> bool {
        self.stock < SCARCE
    }
}

/// What to change in a product. What is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The new price.
    pub price_cents: Option<u32>,
    /// How many there are now.
    pub stock: Option<u32>,
}

impl Change {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn apply(self, product: &mut Product) {
        product.price_cents = self.price_cents.unwrap_or(product.price_cents);
        product.stock = self.stock.unwrap_or(product.stock);
    }
}
