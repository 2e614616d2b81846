//! Values that know how many of them live: what a cache holds, whatever it says that it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Counts lives.
#[derive(Debug, Default)]
pub struct Lives {
    now: AtomicI64,
    most: AtomicI64,
}

impl Lives {
    /// Returns how many lived at the same time at most.
    pub fn most(&self) -> i64 {
        self.most.load(Ordering::Relaxed)
    }
}

/// A value that counts.
#[derive(Debug)]
pub struct Living {
    lives: Arc<Lives>,
    #[expect(dead_code, reason = "what counts is the room that it takes")]
    body: Vec<u8>,
}

impl Living {
    /// Makes a value of so many bytes, all of which are written.
    pub fn new(lives: &Arc<Lives>, bytes: usize) -> Self {
        let now = lives.now.fetch_add(1, Ordering::Relaxed) + 1;
        lives.most.fetch_max(now, Ordering::Relaxed);
        Self {
            lives: Arc::clone(lives),
            body: vec![1; bytes],
        }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.lives.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Memory never encodes, so there is nothing to write.
impl Serialize for Living {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Living {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        Ok(Self::new(&Arc::default(), 0))
    }
}
