//! Chance that is none.

use cache_core::Random;

/// Gives the same number each time. With `FixedRandom(0.0)` lives are as they were given.
#[derive(Clone, Copy, Debug)]
pub struct FixedRandom(pub f64);

impl Random for FixedRandom {
    fn fraction(&self) -> f64 {
        self.0
    }
}
