//! Randomness as an input, for jitter and for refreshing ahead, so that tests can choose it.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where chance comes from. It is no source of secrets.
pub trait Random: Send + Sync + fmt::Debug + 'static {
    /// Returns a number from 0 to below 1, each as likely as the others.
    fn fraction(&self) -> f64;
}

/// The generator that a cache uses unless it is given another: SplitMix64 (Steele, Lea and Flood, 2014), whose state
/// is one counter, so that threads need no lock.
#[derive(Debug)]
pub(crate) struct SplitMix(AtomicU64);

impl SplitMix {
    /// Makes a generator with a seed of its own.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(0)))
    }
}

impl Random for SplitMix {
    fn fraction(&self) -> f64 {
        let mut mixed = self
            .0
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The upper 53 bits, which a float holds exactly.
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_fill_the_range_evenly() {
        let random = SplitMix(AtomicU64::new(1));
        let mut tenths = [0_u32; 10];
        for _ in 0..100_000 {
            let fraction = random.fraction();
            assert!((0.0..1.0).contains(&fraction));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "below ten"
            )]
            let tenth = (fraction * 10.0) as usize;
            tenths[tenth] += 1;
        }
        assert!(
            tenths.iter().all(|count| (9_500..10_500).contains(count)),
            "{tenths:?}"
        );
    }

    #[test]
    fn two_generators_differ() {
        assert!((SplitMix::new().fraction() - SplitMix::new().fraction()).abs() > 0.0);
    }
}
