//! Where an operation takes place, and the spans and events that are made of it. All callsites of operations are here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_core::{CacheError, Key, LoadResult, Operation};
use tracing::field::{Empty, display};
use tracing::{Span, debug, debug_span, info};

use crate::answer::Outcome;
use crate::keys::{Form, Keys};

/// The target of every span and event.
pub(crate) const TARGET: &str = "cache";

/// The cache that things happen in.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    name: Arc<str>,
    backend: &'static str,
    keys: Keys,
}

/// What an operation is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// One key.
    Key(Key<'a>),
    /// So many keys.
    Keys(usize),
    /// The cache as a whole.
    Cache,
}

/// Makes the span of an operation. Names are part of a callsite, so each operation has one of its own.
macro_rules! spans {
    ($operation:expr, $scene:expr, { $($variant:ident => $name:literal,)+ }, _ => $other:literal) => {
        match $operation {
            $(Operation::$variant => spans!($operation, $scene, $name),)+
            _ => spans!($operation, $scene, $other),
        }
    };
    ($operation:expr, $scene:expr, $name:literal) => {
        debug_span!(
            target: TARGET,
            $name,
            cache.name = &*$scene.name,
            cache.backend = $scene.backend,
            cache.operation = $operation.as_str(),
            cache.key = Empty,
            cache.keys = Empty,
            cache.found = Empty,
            cache.result = Empty,
            cache.hit = Empty,
            error.type = Empty,
            otel.kind = $scene.otel_kind($operation),
            otel.status_code = Empty,
            otel.status_description = Empty,
        )
    };
}

/// The span of a load, by which its end finds it.
const LOAD: &str = "cache.load";

impl Scene {
    pub(crate) fn new(name: &Arc<str>, backend: &'static str, keys: Keys) -> Self {
        Self {
            name: Arc::clone(name),
            backend,
            keys,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn backend(&self) -> &'static str {
        self.backend
    }

    /// OpenTelemetry calls what leaves the process a client. Which backends do is not known here, so that all do but the
    /// one in memory; of a call that loads it is what it asks of the backend.
    fn otel_kind(&self, operation: Operation) -> &'static str {
        let loads = matches!(operation, Operation::GetOrLoad | Operation::GetOrLoadMany);
        if loads || self.backend == "memory" {
            "internal"
        } else {
            "client"
        }
    }

    /// Makes the span of an operation, a child of the current one.
    pub(crate) fn span(&self, operation: Operation, subject: Subject<'_>) -> Span {
        let span = spans!(operation, self, {
            Get => "cache.get",
            Set => "cache.set",
            Delete => "cache.delete",
            Exists => "cache.exists",
            GetMany => "cache.get_many",
            SetMany => "cache.set_many",
            DeleteMany => "cache.delete_many",
            Clear => "cache.clear",
            Ping => "cache.ping",
            Close => "cache.close",
            GetOrLoad => "cache.get_or_load",
            GetOrLoadMany => "cache.get_or_load_many",
            InvalidateTags => "cache.invalidate_tags",
        }, _ => "cache.operation");
        match subject {
            Subject::Key(key) => {
                span.record("cache.key", display(self.keys.form(key)));
            }
            Subject::Keys(count) => {
                span.record("cache.keys", count);
            }
            Subject::Cache => {}
        }
        span
    }

    /// Writes how an operation ended into its span and makes its event.
    pub(crate) fn end(
        &self,
        span: &Span,
        (operation, subject): (Operation, Subject<'_>),
        start: Instant,
        outcome: Outcome,
        error: Option<&CacheError>,
    ) {
        let elapsed_us = start.elapsed().as_secs_f64() * 1e6;
        span.record("cache.result", outcome.word);
        if let Some(hit) = outcome.hit {
            span.record("cache.hit", hit);
        }
        let kind = error.map(|error| error.kind().as_str());
        if let Some(error) = error {
            span.record("error.type", kind);
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", error.message());
        }
        let (key, keys) = match subject {
            Subject::Key(key) => (Some(self.keys.form(key)), None),
            Subject::Keys(count) => (None, Some(count)),
            Subject::Cache => (None, None),
        };
        let found = keys.map(|_| outcome.found);
        if let Some(found) = found {
            span.record("cache.found", found);
        }
        /// An event of either level, since a level is part of a callsite.
        macro_rules! ended {
            ($level:ident) => {
                $level!(
                    target: TARGET,
                    {
                        cache.name = &*self.name,
                        cache.backend = self.backend,
                        cache.operation = operation.as_str(),
                        cache.key = key.map(display::<Form<'_>>),
                        cache.keys = keys,
                        cache.found = found,
                        cache.result = outcome.word,
                        cache.hit = outcome.hit,
                        error.type = kind,
                        elapsed_us,
                    },
                    "cache {operation}",
                )
            };
        }
        let is_lifecycle = matches!(operation, Operation::Clear | Operation::Close) && error.is_none();
        if is_lifecycle { ended!(info) } else { ended!(debug) }
    }

    /// Makes the span of a load: a child of its caller's, or one of its own that follows from that if it runs in the
    /// background.
    pub(crate) fn load_span(&self, key: Key<'_>, refresh: bool, caller: &Span) -> Span {
        let parent = if refresh { None } else { caller.id() };
        let span = debug_span!(
            target: TARGET,
            parent: parent,
            LOAD,
            cache.name = &*self.name,
            cache.backend = self.backend,
            cache.operation = "load",
            cache.key = %self.keys.form(key),
            cache.result = Empty,
            refresh,
            error.type = Empty,
            otel.kind = "internal",
            otel.status_code = Empty,
        );
        if refresh {
            span.follows_from(caller.id());
        }
        span
    }

    /// Writes how a load ended into its span, which is the current one, and makes its event.
    pub(crate) fn loaded(&self, key: Key<'_>, result: LoadResult, elapsed: Duration, refresh: bool) {
        let span = Span::current();
        if span
            .metadata()
            .is_some_and(|metadata| metadata.name() == LOAD && metadata.target() == TARGET)
        {
            span.record("cache.result", result.as_str());
            if matches!(
                result,
                LoadResult::Error | LoadResult::Timeout | LoadResult::Panic
            ) {
                span.record("error.type", result.as_str());
                span.record("otel.status_code", "ERROR");
            }
        }
        debug!(
            target: TARGET,
            {
                cache.name = &*self.name,
                cache.backend = self.backend,
                cache.operation = "load",
                cache.key = %self.keys.form(key),
                cache.result = result.as_str(),
                refresh,
                elapsed_us = elapsed.as_secs_f64() * 1e6,
            },
            "cache load",
        );
    }
}
