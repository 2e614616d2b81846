//! Gets that pass an idle layer by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{Cache, CacheBackend, CacheBuilder, Layer, LayerContext, Result};

use crate::doubles::{Answers, Scripted};

static IDLE: AtomicBool = AtomicBool::new(true);
static BUSY: AtomicBool = AtomicBool::new(false);

/// A layer that answers in the place of what it wraps, so that it shows who was asked.
struct Instead {
    backend: Arc<Scripted>,
    idle: Option<&'static AtomicBool>,
}

impl Layer for Instead {
    fn layer(&self, _: Arc<dyn CacheBackend>, context: &mut LayerContext) -> Result<Arc<dyn CacheBackend>> {
        if let Some(idle) = self.idle {
            context.pass_by_while(idle);
        }
        Ok(Arc::clone(&self.backend) as _)
    }
}

struct Stack {
    inner: Arc<Scripted>,
    layers: Vec<Arc<Scripted>>,
    builder: CacheBuilder,
}

impl Stack {
    fn new() -> Self {
        let inner = Scripted::new(Answers::All);
        Self {
            builder: Cache::builder(Arc::clone(&inner)),
            inner,
            layers: Vec::new(),
        }
    }

    fn layer(mut self, idle: Option<&'static AtomicBool>) -> Self {
        let backend = Scripted::new(Answers::All);
        self.layers.push(Arc::clone(&backend));
        self.builder = self.builder.layer(Instead { backend, idle });
        self
    }

    /// Builds the cache, uses it, and returns what the backend and each layer were asked.
    async fn asked(self, call: impl AsyncFnOnce(&Cache)) -> Vec<Vec<String>> {
        call(&self.builder.build().unwrap()).await;
        let all = [&self.inner].into_iter().chain(&self.layers);
        all.map(|backend| backend.asked()).collect()
    }
}

async fn get(cache: &Cache) {
    cache.get::<String>("a").await.unwrap();
}

#[tokio::test]
async fn a_get_passes_an_idle_layer_by() {
    let asked = Stack::new().layer(Some(&IDLE)).asked(get).await;
    assert_eq!(asked, [vec!["get a"], vec![]]);
}

#[tokio::test]
async fn the_hit_of_a_call_that_may_load_does_so_too() {
    let load = async |cache: &Cache| {
        let loader = || async { Err::<String, _>("there are only hits") };
        cache.get_or_load("a", loader).await.unwrap();
    };
    let asked = Stack::new().layer(Some(&IDLE)).asked(load).await;
    assert_eq!(asked, [vec!["get a"], vec![]]);
}

#[tokio::test]
async fn a_layer_that_is_not_idle_is_asked() {
    let asked = Stack::new().layer(Some(&BUSY)).asked(get).await;
    assert_eq!(asked, [vec![], vec!["get a"]]);
}

#[tokio::test]
async fn a_layer_that_another_one_stands_around_is_not_passed_by() {
    let stack = Stack::new().layer(Some(&IDLE)).layer(None);
    assert_eq!(stack.asked(get).await, [vec![], vec![], vec!["get a"]]);
}

#[tokio::test]
async fn whether_a_layer_is_idle_is_asked_each_time() {
    static CHANGES: AtomicBool = AtomicBool::new(true);
    let both = async |cache: &Cache| {
        get(cache).await;
        CHANGES.store(false, Ordering::Relaxed);
        get(cache).await;
    };
    let asked = Stack::new().layer(Some(&CHANGES)).asked(both).await;
    assert_eq!(asked, [vec!["get a"], vec!["get a"]]);
}

#[tokio::test]
async fn a_set_passes_no_layer_by() {
    let set = async |cache: &Cache| cache.set("a", 1).await.unwrap();
    let asked = Stack::new().layer(Some(&IDLE)).asked(set).await;
    assert_eq!(asked, [vec![], vec!["set a"]]);
}
