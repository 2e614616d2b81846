//! What a backend can say about itself without asking anybody.

/// Numbers of a backend. What it does not know, or what does not exist for it, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendStats {
    /// Entries held now, those that are over but not freed yet included.
    pub items: Option<u64>,
    /// The limit of `items`.
    pub max_items: Option<u64>,
    /// The weight of all entries, in the unit of the weigher.
    pub weight: Option<u64>,
    /// The limit of `weight`.
    pub max_weight: Option<u64>,
    /// Entries taken for room since the start, live ones only.
    pub evictions: Option<u64>,
    /// Entries freed since the start because their time had ended.
    pub expirations: Option<u64>,
}
