//! A subscriber that keeps the fields of spans.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use cache_testkit::listen;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// The fields of a span.
pub(crate) type Fields = BTreeMap<String, String>;

/// Every span of this thread, by its name.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<BTreeMap<String, Fields>>>);

impl Spans {
    /// Begins to listen on this thread, until the guard goes.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let spans = Self::default();
        let subscriber = Registry::default().with(spans.clone());
        (spans, listen(subscriber))
    }

    /// The fields of the last span of a name.
    pub(crate) fn of(&self, name: &str) -> Fields {
        self.0.lock().unwrap()[name].clone()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut fields = Reader(Fields::new());
        attributes.record(&mut fields);
        let name = attributes.metadata().name().to_owned();
        self.0.lock().unwrap().insert(name, fields.0);
    }
}

struct Reader(Fields);

impl Visit for Reader {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
