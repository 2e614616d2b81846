//! The turn of writers to one key, and the chance that decides which of them stores afresh.

/// What writers to some keys hold in turn: a source of chance.
#[derive(Debug)]
pub(crate) struct Order(u32);

impl Order {
    pub(crate) fn new(seed: usize) -> Self {
        Self(u32::try_from(seed).unwrap_or(1))
    }

    /// Says yes to one of so many questions, by chance, so that no pattern of writes can avoid it (xorshift, Marsaglia,
    /// "Xorshift RNGs", 2003).
    pub(crate) fn one_in(&mut self, many: u32) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0.is_multiple_of(many)
    }
}
