//! Subscribers of one thread, for tests that hear what others in the same process do not.
//!
//! The tracing library remembers of each callsite whether anybody listens to it. As long as there is a single subscriber it
//! asks that of the thread which comes to the callsite first, so a test without one, on another thread, would make a callsite
//! silent for all. With a second subscriber it asks them all.

use std::sync::OnceLock;

use tracing_core::Dispatch;
use tracing_core::dispatcher::{DefaultGuard, set_default};
use tracing_core::subscriber::NoSubscriber;

/// Makes a subscriber that of this thread until the guard goes, whatever other threads do.
#[must_use = "it listens until the guard goes"]
pub fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(NoSubscriber::default()));
    set_default(&subscriber.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use tracing_core::span::{Attributes, Id, Record};
    use tracing_core::{Event, Metadata, Subscriber};

    use super::*;

    /// Counts what it hears.
    #[derive(Clone, Default)]
    struct Counts(Arc<AtomicUsize>);

    impl Subscriber for Counts {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn what_a_thread_without_a_subscriber_came_to_first_is_heard() {
        let says = || tracing::debug!("something");
        let counts = Counts::default();
        let _guard = listen(counts.clone());
        thread::spawn(says).join().unwrap();
        says();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1);
    }
}
