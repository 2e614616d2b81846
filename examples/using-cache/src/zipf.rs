//! A skewed choice, as shops see it: few products get most of the visits. By Zipf's law the one that ranks k-th is
//! chosen with a probability in proportion to `1 / k^s` (<https://en.wikipedia.org/wiki/Zipf%27s_law>). Breslau et al.,
//! "Web Caching and Zipf-like Distributions" (INFOCOM 1999), found an `s` of 0.64 to 0.83 in the traffic of web proxies.
//!
//! The sampler is inversion by table: a uniform number is looked up among the running sums of the weights. That is
//! exact, and for some thousand ranks the table is small.

use fastrand::Rng;

/// A distribution over the ranks from 1 on.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// The weight of each rank and all before it.
    sums: Vec<f64>,
}

impl Zipf {
    /// Makes a distribution over so many ranks, at least one. With an exponent of 0 all are chosen alike.
    pub fn new(ranks: usize, exponent: f64) -> Self {
        let weights = (1..=ranks.max(1)).map(|rank| (rank as f64).powf(-exponent));
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// Chooses a rank.
    pub fn sample(&self, random: &mut Rng) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let point = random.f64() * total;
        let before = self.sums.partition_point(|sum| *sum <= point);
        // The product can round up to the total itself, which is past the last rank.
        before.min(self.sums.len() - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(ranks: usize, exponent: f64, seed: u64, times: usize) -> Vec<usize> {
        let (zipf, mut random) = (Zipf::new(ranks, exponent), Rng::with_seed(seed));
        (0..times).map(|_| zipf.sample(&mut random)).collect()
    }

    /// Returns the share of the first `ranks` ranks.
    fn share(drawn: &[usize], ranks: usize) -> f64 {
        drawn.iter().filter(|rank| **rank <= ranks).count() as f64 / drawn.len() as f64
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        assert_eq!(draw(100, 0.9, 7, 50), draw(100, 0.9, 7, 50));
        assert_ne!(draw(100, 0.9, 7, 50), draw(100, 0.9, 8, 50));
    }

    #[test]
    fn every_rank_is_in_the_range() {
        assert!(draw(3, 0.9, 1, 1_000).iter().all(|rank| (1..=3).contains(rank)));
        assert!(draw(1, 0.9, 1, 100).iter().all(|rank| *rank == 1));
        assert!(draw(0, 0.9, 1, 100).iter().all(|rank| *rank == 1));
    }

    #[test]
    fn shares_are_those_of_the_law() {
        let drawn = draw(1_000, 0.9, 1, 100_000);
        let weight = |ranks: usize| (1..=ranks).map(|rank| (rank as f64).powf(-0.9)).sum::<f64>();
        for ranks in [1, 10, 100, 500] {
            let (seen, expected) = (share(&drawn, ranks), weight(ranks) / weight(1_000));
            assert!(
                (seen - expected).abs() < 0.01,
                "first {ranks}: {seen} instead of {expected}"
            );
        }
    }

    #[test]
    fn without_skew_all_ranks_are_alike() {
        let tenth = share(&draw(1_000, 0.0, 1, 100_000), 100);
        assert!((tenth - 0.1).abs() < 0.01, "{tenth}");
    }
}
