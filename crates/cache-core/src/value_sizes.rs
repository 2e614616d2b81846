//! How many bytes stored values have, in buckets, so that the distribution survives until somebody asks for it.

const BUCKETS: usize = ValueSizes::BOUNDS.len() + 1;

/// How many values of which size were stored, since the start. Counts are exact, and so are the bytes in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueSizes([Sizes; BUCKETS]);

/// The values of one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// How many there were.
    pub count: u64,
    /// How many bytes they had together.
    pub total: u64,
}

impl ValueSizes {
    /// Upper bounds of the buckets in bytes, each four times the one before; a value as long as a bound is in its bucket. The
    /// first is 64 B, the last 64 MiB, above which no value is stored unless the limit is raised. One more bucket holds what
    /// is longer.
    pub const BOUNDS: [u64; 11] = [
        64,
        256,
        1 << 10,
        4 << 10,
        16 << 10,
        64 << 10,
        256 << 10,
        1 << 20,
        4 << 20,
        16 << 20,
        64 << 20,
    ];

    /// Notes a value that was stored, by its length in bytes.
    pub fn note(&mut self, len: usize) {
        let len = len as u64;
        let sizes = &mut self.0[Self::BOUNDS.partition_point(|bound| *bound < len)];
        sizes.count += 1;
        sizes.total = sizes.total.saturating_add(len);
    }

    /// Returns the values of each bucket, in the order of [`BOUNDS`](Self::BOUNDS), the longest last.
    pub fn buckets(&self) -> &[Sizes] {
        &self.0
    }

    /// Returns how many values there were.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|sizes| sizes.count).sum()
    }

    /// Returns how many bytes all values had together.
    pub fn total(&self) -> u64 {
        let totals = self.0.iter().map(|sizes| sizes.total);
        totals.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        for (place, bound) in ValueSizes::BOUNDS.iter().enumerate() {
            let bound = usize::try_from(*bound).unwrap();
            let mut sizes = ValueSizes::default();
            sizes.note(bound);
            sizes.note(bound + 1);
            let counts: Vec<u64> = sizes.buckets().iter().map(|bucket| bucket.count).collect();
            assert_eq!((counts[place], counts[place + 1]), (1, 1), "{bound}");
            assert_eq!(sizes.count(), 2);
        }
    }

    #[test]
    fn the_bytes_in_all_are_exact_and_never_overflow() {
        let mut sizes = ValueSizes::default();
        for len in [0, 1, 20, 300, 4_000] {
            sizes.note(len);
        }
        assert_eq!(sizes.total(), 4_321);
        sizes.note(usize::MAX);
        sizes.note(usize::MAX);
        assert_eq!((sizes.count(), sizes.total()), (7, u64::MAX));
    }
}
