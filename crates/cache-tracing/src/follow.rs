//! Spans of calls that load and of their loads, which stand above all layers. What such a call asks of the backend is
//! below its span, and so is the load that it leads, though that runs in a task of its own.

use std::sync::Arc;
use std::time::Instant;

use cache_core::{Ended, Follower, Key, Operation, Scope};
use tracing::Span;

use crate::answer::Outcome;
use crate::backend::{is_heard, is_quiet};
use crate::scene::{Scene, Subject};

/// Makes the spans of one cache.
pub(crate) struct Loads {
    scene: Scene,
}

impl Loads {
    pub(crate) fn new(scene: Scene) -> Self {
        Self { scene }
    }
}

impl Follower for Loads {
    #[inline]
    fn listens(&self) -> bool {
        !is_quiet()
    }

    fn call(&self, operation: Operation, key: Option<Key<'_>>, keys: usize) -> Option<Arc<dyn Scope>> {
        if !is_heard() {
            return None;
        }
        let about = match key {
            Some(key) => About::Key(key.as_str().into()),
            None => About::Keys(keys),
        };
        Some(Arc::new(Call {
            span: self.scene.span(operation, about.subject()),
            scene: self.scene.clone(),
            operation,
            about,
            start: Instant::now(),
        }))
    }

    fn load(&self, key: Key<'_>, refresh: bool) -> Option<Arc<dyn Scope>> {
        let caller = Span::current();
        if !is_quiet() && is_heard() {
            let span = self.scene.load_span(key, refresh, &caller);
            // A subscriber may say that it listens and then not want this span.
            if !span.is_disabled() {
                // Who listens at another level sees the caller's span and not this one, so both are entered.
                let caller = if refresh { Span::none() } else { caller };
                return Some(Arc::new(Load { caller, span }));
            }
        }
        // What the loader says belongs to the caller that it works for, also where nobody listens to the cache. What is
        // renewed in the background would only keep the span of a caller open who has gone.
        (!refresh && !caller.is_none()).then(|| {
            Arc::new(Load {
                span: Span::none(),
                caller,
            }) as Arc<dyn Scope>
        })
    }
}

/// A call that runs.
struct Call {
    span: Span,
    scene: Scene,
    operation: Operation,
    about: About,
    start: Instant,
}

/// What a call is about, kept until it ends.
enum About {
    Key(Box<str>),
    Keys(usize),
}

impl About {
    fn subject(&self) -> Subject<'_> {
        match self {
            Self::Key(key) => Key::new(key).map_or(Subject::Keys(1), Subject::Key),
            Self::Keys(keys) => Subject::Keys(*keys),
        }
    }
}

impl Scope for Call {
    fn within(&self, part: &mut dyn FnMut()) {
        self.span.in_scope(part);
    }

    fn end(&self, ended: Ended<'_>) {
        let hit = match ended.result {
            "hit" => Some(true),
            "error" | "mixed" => None,
            _ => Some(false),
        };
        let outcome = Outcome {
            word: ended.result,
            hit,
            found: ended.found,
        };
        let call = (self.operation, self.about.subject());
        self.span
            .in_scope(|| self.scene.end(&self.span, call, self.start, outcome, ended.error));
    }
}

/// A load that runs.
struct Load {
    caller: Span,
    span: Span,
}

impl Scope for Load {
    fn within(&self, part: &mut dyn FnMut()) {
        self.caller.in_scope(|| self.span.in_scope(part));
    }

    fn end(&self, _: Ended<'_>) {}
}
