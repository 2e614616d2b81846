//! The contract, for the memory backend with each policy, through the pointers that callers hold it by, and through the
//! layer that knows tags.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::{Cache, CacheBackend, Layer, LayerContext, Result};
use cache_memory::{EvictionPolicy, MemoryBackend, MemoryBuilder};
use cache_testkit::{Fixture, ManualClock, Passing};

/// How the backend is held.
type Hold = fn(MemoryBackend) -> Arc<dyn CacheBackend>;

struct Memory {
    clock: Arc<ManualClock>,
    configure: fn(MemoryBuilder) -> MemoryBuilder,
    hold: Hold,
    backend: Arc<dyn CacheBackend>,
    exists_is_a_use: bool,
}

impl Memory {
    fn new(configure: fn(MemoryBuilder) -> MemoryBuilder, hold: Hold) -> Self {
        let clock = ManualClock::new();
        let builder = MemoryBackend::builder().clock(clock.clone());
        let backend = hold(configure(builder).build().unwrap());
        Self {
            clock,
            configure,
            hold,
            backend,
            exists_is_a_use: false,
        }
    }

    /// Below the layer that knows tags, which reads an entry to say whether it is there.
    fn with_tags() -> Self {
        Self {
            exists_is_a_use: true,
            ..Self::new(|builder| builder, tagged)
        }
    }

    fn another(&self, configure: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> Arc<dyn CacheBackend> {
        let builder = (self.configure)(MemoryBackend::builder().clock(self.clock.clone()));
        (self.hold)(configure(builder).build().unwrap())
    }
}

impl Fixture for Memory {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        Arc::clone(&self.backend)
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        self.another(|builder| builder)
    }

    fn pass(&self, time: Duration) -> Passing<'_> {
        Box::pin(async move { self.clock.advance(time) })
    }

    fn exists_is_a_use(&self) -> bool {
        self.exists_is_a_use
    }

    fn with_max_items(&self, items: usize) -> Option<Arc<dyn CacheBackend>> {
        Some(self.another(|builder| builder.max_items(items as u64).policy(EvictionPolicy::Lru)))
    }

    fn with_time_to_idle(&self, idle: Duration) -> Option<Arc<dyn CacheBackend>> {
        Some(self.another(|builder| builder.time_to_idle(idle)))
    }
}

fn bare(backend: MemoryBackend) -> Arc<dyn CacheBackend> {
    Arc::new(backend)
}

fn boxed(backend: MemoryBackend) -> Arc<dyn CacheBackend> {
    Arc::new(Box::new(backend))
}

fn shared(backend: MemoryBackend) -> Arc<dyn CacheBackend> {
    Arc::new(Arc::new(backend))
}

/// Shows the stack below it.
struct Below(Arc<Mutex<Option<Arc<dyn CacheBackend>>>>);

impl Layer for Below {
    fn layer(&self, inner: Arc<dyn CacheBackend>, _: &mut LayerContext) -> Result<Arc<dyn CacheBackend>> {
        *self.0.lock().unwrap() = Some(Arc::clone(&inner));
        Ok(inner)
    }
}

fn tagged(backend: MemoryBackend) -> Arc<dyn CacheBackend> {
    let below = Below(Arc::default());
    let shown = Arc::clone(&below.0);
    Cache::builder(backend).tags(true).layer(below).build().unwrap();
    shown.lock().unwrap().take().unwrap()
}

cache_testkit::conformance!(lru, Memory::new(|builder| builder, bare));
cache_testkit::conformance!(
    tiny_lfu,
    Memory::new(
        |builder| builder.policy(EvictionPolicy::TinyLfu).max_items(100_000),
        bare
    )
);
cache_testkit::conformance!(in_a_box, Memory::new(|builder| builder, boxed));
cache_testkit::conformance!(in_an_arc, Memory::new(|builder| builder, shared));
cache_testkit::conformance!(under_tags, Memory::with_tags());
