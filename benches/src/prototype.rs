//! The two layouts that were weighed for `cache_core::Value`, on raw moka with our keys and hasher, so that the
//! figures that decided it can be measured again.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use compact_str::CompactString;
use foldhash::quality::RandomState;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// What stands for an object of any type.
pub type Object = Arc<dyn Any + Send + Sync>;

/// A cache with our keys and hasher.
pub type Store<V> = Cache<CompactString, V, RandomState>;

/// The layout that was taken: two words, either the object or its bytes.
#[derive(Clone, Debug)]
pub struct TwoWords {
    value: Either,
    /// When the entry ends, in milliseconds.
    pub deadline: u64,
}

#[derive(Clone, Debug)]
enum Either {
    Object(Object),
    Encoded(Arc<(Bytes, OnceLock<Object>)>),
}

impl TwoWords {
    /// Makes an entry of an object.
    pub fn new(object: Object) -> Self {
        Self {
            value: Either::Object(object),
            deadline: u64::MAX,
        }
    }

    /// Makes an entry of bytes, which nobody decodes here.
    pub fn encoded(bytes: Bytes) -> Self {
        Self {
            value: Either::Encoded(Arc::new((bytes, OnceLock::new()))),
            deadline: u64::MAX,
        }
    }

    /// Returns the object if it is there and of this type.
    #[inline]
    pub fn object<T: Send + Sync + 'static>(self) -> Option<Arc<T>> {
        match self.value {
            Either::Object(object) => object.downcast().ok(),
            Either::Encoded(encoded) => encoded.1.get().cloned()?.downcast().ok(),
        }
    }

    /// Returns the bytes if they are there.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.value {
            Either::Object(_) => None,
            Either::Encoded(encoded) => Some(&encoded.0),
        }
    }
}

/// The layout that was taken with all stamps that an entry has, as large as what lies in moka.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// The value and its end.
    pub entry: TwoWords,
    /// When it was made, when it is stale, what it cost to load and where its end is written down.
    pub stamps: [u64; 3],
}

/// The layout that was not taken: room for both, behind one more `Arc`.
#[derive(Clone, Debug)]
pub struct DualCell {
    cell: Arc<Cell>,
    /// When the entry ends, in milliseconds.
    pub deadline: u64,
}

#[derive(Debug, Default)]
struct Cell {
    object: OnceLock<Object>,
    encoded: OnceLock<Box<Bytes>>,
}

impl DualCell {
    /// Makes an entry of an object.
    pub fn new(object: Object) -> Self {
        let cell = Cell {
            object: OnceLock::from(object),
            encoded: OnceLock::new(),
        };
        Self {
            cell: Arc::new(cell),
            deadline: u64::MAX,
        }
    }

    /// Makes an entry of bytes, which nobody decodes here.
    pub fn encoded(bytes: Bytes) -> Self {
        let cell = Cell {
            object: OnceLock::new(),
            encoded: OnceLock::from(Box::new(bytes)),
        };
        Self {
            cell: Arc::new(cell),
            deadline: u64::MAX,
        }
    }

    /// Returns the object if it is there and of this type.
    #[inline]
    pub fn object<T: Send + Sync + 'static>(self) -> Option<Arc<T>> {
        self.cell.object.get().cloned()?.downcast().ok()
    }

    /// Returns the bytes if they are there.
    pub fn bytes(&self) -> Option<&Bytes> {
        self.cell.encoded.get().map(|bytes| &**bytes)
    }
}

/// Builds a cache for entries of one of the layouts.
pub fn store<V: Clone + Send + Sync + 'static>(max_items: u64) -> Store<V> {
    let builder = Cache::builder()
        .max_capacity(max_items)
        .eviction_policy(EvictionPolicy::lru());
    builder.build_with_hasher(RandomState::default())
}
