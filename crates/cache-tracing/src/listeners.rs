//! Whether nobody listens to single operations, as a flag that a get looks at without a call. Whenever a subscriber comes or
//! changes its mind the tracing library tells every callsite whether it is listened to, so two callsites that never say
//! anything keep the flag: one that would be a span, and one that would be an event.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use tracing_core::callsite::{self, Callsite, Identifier};
use tracing_core::field::FieldSet;
use tracing_core::metadata::Kind;
use tracing_core::subscriber::Interest;
use tracing_core::{Level, Metadata};

use crate::scene::TARGET;

static ABSENT: AtomicBool = AtomicBool::new(true);
static SPANS: Ear = Ear::new(0, &SPANS_METADATA);
static EVENTS: Ear = Ear::new(1, &EVENTS_METADATA);
static SPANS_METADATA: Metadata<'static> = metadata("operations", &SPANS, Kind::SPAN);
static EVENTS_METADATA: Metadata<'static> = metadata("ends of operations", &EVENTS, Kind::EVENT);

/// Which ears hear something.
static HEARD: Mutex<[bool; 2]> = Mutex::new([false; 2]);

/// Returns the flag. It may say no where nobody listens, and where it says yes nobody does.
pub(crate) fn absent() -> &'static AtomicBool {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        callsite::register(&SPANS);
        callsite::register(&EVENTS);
    });
    &ABSENT
}

struct Ear {
    place: usize,
    metadata: &'static Metadata<'static>,
}

impl Ear {
    const fn new(place: usize, metadata: &'static Metadata<'static>) -> Self {
        Self { place, metadata }
    }
}

impl Callsite for Ear {
    fn set_interest(&self, interest: Interest) {
        let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heard) = heard.get_mut(self.place) {
            *heard = !interest.is_never();
        }
        // Within the lock, so that of two that change at the same time the later one has the say.
        ABSENT.store(*heard == [false; 2], Ordering::Relaxed);
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata
    }
}

const fn metadata(name: &'static str, ear: &'static Ear, kind: Kind) -> Metadata<'static> {
    let fields = FieldSet::new(&[], Identifier(ear));
    Metadata::new(name, TARGET, Level::DEBUG, None, None, None, fields, kind)
}

#[cfg(test)]
mod tests {
    use tracing_core::{Dispatch, dispatcher};
    use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt as _};

    use super::*;

    /// One test, since the flag is that of the process.
    #[test]
    fn nobody_listens_unless_a_subscriber_wants_to_hear_of_operations() {
        let absent = || absent().load(Ordering::Relaxed);
        assert!(absent(), "before there is a subscriber");
        for (filter, expected) in [
            ("info", true),
            ("debug", false),
            ("info,other=trace", true),
            ("info,cache=debug", false),
            ("trace,cache=off", true),
        ] {
            let subscriber = Registry::default().with(EnvFilter::new(filter));
            dispatcher::with_default(&Dispatch::new(subscriber), || {
                assert_eq!(absent(), expected, "{filter}");
            });
            callsite::rebuild_interest_cache();
            assert!(absent(), "after {filter}");
        }
    }
}
