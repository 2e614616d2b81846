//! A subscriber that keeps what it hears, and caches to listen to.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use cache_core::{Cache, CacheBackend, CacheBuilder};
use cache_memory::MemoryBackend;
use cache_testkit::{ManualClock, listen};
use cache_tracing::Tracing;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// The fields of a span or an event.
pub(crate) type Fields = BTreeMap<String, String>;

/// A span that was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) parent: Option<String>,
    pub(crate) follows: Option<String>,
    pub(crate) fields: Fields,
    pub(crate) closed: bool,
}

/// An event, with the name of the span that it came in.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) within: Option<String>,
    pub(crate) fields: Fields,
}

impl Heard {
    pub(crate) fn message(&self) -> &str {
        &self.fields["message"]
    }
}

/// Everything that was heard on this thread.
#[derive(Clone, Default)]
pub(crate) struct Ear {
    spans: Arc<Mutex<BTreeMap<u64, Seen>>>,
    events: Arc<Mutex<Vec<Heard>>>,
}

impl Ear {
    /// Begins to listen on this thread, until the guard goes.
    pub(crate) fn listen(level: LevelFilter) -> (Self, DefaultGuard) {
        let ear = Self::default();
        let subscriber = Registry::default().with(ear.clone().with_filter(level));
        (ear, listen(subscriber))
    }

    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.spans.lock().unwrap().values().cloned().collect()
    }

    /// The one span of a name.
    pub(crate) fn span(&self, name: &str) -> Seen {
        let mut found = self.spans();
        found.retain(|span| span.name == name);
        assert_eq!(found.len(), 1, "{name}: {:?}", self.spans());
        found.remove(0)
    }

    pub(crate) fn events(&self) -> Vec<Heard> {
        self.events.lock().unwrap().clone()
    }

    /// The events of a level.
    pub(crate) fn at(&self, level: Level) -> Vec<Heard> {
        let mut found = self.events();
        found.retain(|event| event.level == level);
        found
    }

    /// Everything that was heard, as one text to search in.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        write!(text, "{:?} {:?}", self.spans(), self.events()).unwrap();
        text
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut seen = Seen {
            name: span.name().to_owned(),
            parent: span.parent().map(|parent| parent.name().to_owned()),
            ..Seen::default()
        };
        attributes.record(&mut Reader(&mut seen.fields));
        self.spans.lock().unwrap().insert(id.into_u64(), seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = self.spans.lock().unwrap();
        values.record(&mut Reader(&mut spans.get_mut(&id.into_u64()).unwrap().fields));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut spans = self.spans.lock().unwrap();
        // The registry gives the number of a span that is closed to a later one.
        let mut seen = spans.remove(&id.into_u64()).unwrap();
        seen.closed = true;
        let place = (1 << 63) | spans.len() as u64 | (id.into_u64() << 16);
        spans.insert(place, seen);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let name = context.span(follows).map(|span| span.name().to_owned());
        self.spans
            .lock()
            .unwrap()
            .get_mut(&id.into_u64())
            .unwrap()
            .follows = name;
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        self.events.lock().unwrap().push(Heard {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            within: context.event_span(event).map(|span| span.name().to_owned()),
            fields,
        });
    }
}

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

/// A cache called `users` with the layer on it.
pub(crate) fn traced(backend: impl CacheBackend, tracing: Tracing) -> Cache {
    Cache::builder(backend)
        .tags(true)
        .name("users")
        .layer(tracing)
        .build()
        .unwrap()
}

/// A memory backend by a manual clock.
pub(crate) fn memory(clock: &Arc<ManualClock>) -> MemoryBackend {
    MemoryBackend::builder().clock(clock.clone()).build().unwrap()
}

/// A cache in memory called `users` that shows its keys.
pub(crate) fn users() -> Cache {
    traced(
        memory(&ManualClock::new()),
        Tracing::new().keys(cache_tracing::Keys::Shown),
    )
}

/// Puts the layer around a backend.
pub(crate) fn layered(backend: impl CacheBackend) -> Arc<dyn CacheBackend> {
    stack_of(Cache::builder(backend).layer(Tracing::new()))
}

/// Takes the backend with all layers around it out of a cache.
pub(crate) fn stack_of(cache: CacheBuilder) -> Arc<dyn CacheBackend> {
    /// Shows the stack below it to the test.
    struct Show(std::sync::mpsc::Sender<Arc<dyn CacheBackend>>);

    impl cache_core::Layer for Show {
        fn layer(
            &self,
            inner: Arc<dyn CacheBackend>,
            _: &mut cache_core::LayerContext,
        ) -> cache_core::Result<Arc<dyn CacheBackend>> {
            self.0.send(Arc::clone(&inner)).unwrap();
            Ok(inner)
        }
    }

    let (sender, receiver) = std::sync::mpsc::channel();
    cache.layer(Show(sender)).build().unwrap();
    receiver.recv().unwrap()
}
