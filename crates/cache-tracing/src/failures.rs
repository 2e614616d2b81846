//! Lines about failures, held back when there are many of them: a server that is down would fill the log.

use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache_core::{CacheError, Clock, ErrorKind, Key, LoadEvent, Observer, Operation};
use tracing::{debug, error, warn};

use crate::scene::{Scene, TARGET};

/// What one cache says about its failures.
pub(crate) struct Failures {
    scene: Scene,
    clock: Arc<dyn Clock>,
    interval: Duration,
    /// One for each kind, in the order of [`ErrorKind::ALL`].
    kinds: Box<[Kind]>,
}

/// What is known of one kind of failure.
#[derive(Default)]
struct Kind {
    /// The millisecond from which the next line may be written.
    next: AtomicU64,
    /// How many were held back since the last line.
    held: AtomicU64,
}

impl Failures {
    pub(crate) fn new(scene: Scene, clock: Arc<dyn Clock>, interval: Duration) -> Self {
        Self {
            scene,
            clock,
            interval,
            kinds: ErrorKind::ALL.iter().map(|_| Kind::default()).collect(),
        }
    }

    /// Writes a line about a failure, unless there was one of its kind a short time ago.
    fn log(&self, operation: Operation, error: &CacheError) {
        let Some(suppressed) = self.may_write(error.kind()) else {
            return;
        };
        let (name, backend) = (self.scene.name(), self.scene.backend());
        let kind = error.kind().as_str();
        /// A line of either level, since a level is part of a callsite.
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: TARGET,
                    {
                        cache.name = name,
                        cache.backend = backend,
                        cache.operation = operation.as_str(),
                        error.type = kind,
                        suppressed,
                    },
                    "cache {operation} failed: {}",
                    Causes(error),
                )
            };
        }
        if error.is_transient() || error.kind() == ErrorKind::Closed {
            line!(warn);
        } else {
            line!(error);
        }
    }

    /// Returns how many failures of a kind were held back, if a line may be written now; else holds one more back.
    fn may_write(&self, kind: ErrorKind) -> Option<u64> {
        let place = ErrorKind::ALL.iter().position(|one| *one == kind);
        let Some(kind) = place.and_then(|place| self.kinds.get(place)) else {
            return Some(0);
        };
        let (now, next) = (self.clock.coarse(), kind.next.load(Ordering::Relaxed));
        let later = (now + self.interval).as_millis();
        // Of several callers at one time only the one that moves the mark writes.
        let first = now.as_millis() >= next
            && (self.interval.is_zero()
                || kind
                    .next
                    .compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok());
        if first {
            return Some(kind.held.swap(0, Ordering::Relaxed));
        }
        kind.held.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Tells of the failures that were held back and that no line has counted.
    pub(crate) fn tell_rest(&self) {
        for (kind, state) in ErrorKind::ALL.iter().zip(&self.kinds) {
            let suppressed = state.held.swap(0, Ordering::Relaxed);
            if suppressed > 0 {
                warn!(
                    target: TARGET,
                    {
                        cache.name = self.scene.name(),
                        cache.backend = self.scene.backend(),
                        error.type = kind.as_str(),
                        suppressed,
                    },
                    "cache failures that no line told of",
                );
            }
        }
    }
}

/// Hears of every error that a caller gets. The layer does not look for them, so that a hit costs no more.
impl Observer for Failures {
    fn failed(&self, operation: Operation, error: &CacheError) {
        debug!(
            target: TARGET,
            {
                cache.name = self.scene.name(),
                cache.backend = self.scene.backend(),
                cache.operation = operation.as_str(),
                cache.result = "error",
                error.type = error.kind().as_str(),
            },
            "cache {operation}",
        );
    }

    fn returned(&self, operation: Operation, error: &CacheError) {
        self.log(operation, error);
    }

    fn load(&self, key: Key<'_>, event: LoadEvent) {
        match event {
            LoadEvent::Ended {
                result,
                elapsed,
                refresh,
            } => self.scene.loaded(key, result, elapsed, refresh),
            // The callers got their value, so nobody else tells of it.
            LoadEvent::StoreFailed => self.log(Operation::Set, &not_stored()),
            _ => {}
        }
    }
}

fn not_stored() -> CacheError {
    let message = "a loaded value could not be stored; its callers got it, the next ones load again";
    CacheError::new(ErrorKind::Backend, message)
}

impl Drop for Failures {
    fn drop(&mut self) {
        self.tell_rest();
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures")
            .field("scene", &self.scene)
            .finish_non_exhaustive()
    }
}

/// The message of an error and of its causes, on one line and without the key.
struct Causes<'a>(&'a CacheError);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = OneLine(f);
        line.write_str(self.0.message())?;
        if self.0.is_decode() || self.0.kind() == ErrorKind::Encode {
            // What a codec says shows pieces of the value.
            return Ok(());
        }
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(line, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Puts a blank in the place of each line break.
struct OneLine<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (n, line) in text.split(['\n', '\r']).enumerate() {
            if n > 0 {
                self.0.write_char(' ')?;
            }
            self.0.write_str(line)?;
        }
        Ok(())
    }
}
