//! Spans of calls that load and of their loads, and of invalidations of tags, which stand above all layers. What such a call asks of the backend is
//! below its span, and so is the load that it leads, though that runs in a task of its own.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use cache_core::{Ended, Follower, Key, Operation, Scope};
use tracing::Span;

use crate::answer::Outcome;
use crate::backend::{is_heard, is_quiet};
use crate::scene::{Scene, Subject};

thread_local! {
    /// The span in which the call was made that runs on this thread at the moment.
    static AROUND: RefCell<Span> = const { RefCell::new(Span::none()) };
}

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
            around: Span::current(),
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
                // Who listens at another level sees neither this span nor that of the call, only the one around both. It
                // looks for it among those that are entered, so all are.
                let [around, caller] = if refresh {
                    [Span::none(), Span::none()]
                } else {
                    [AROUND.with_borrow(Span::clone), caller]
                };
                return Some(Arc::new(Load { around, caller, span }));
            }
        }
        // What the loader says belongs to the caller that it works for, also where nobody listens to the cache. What is
        // renewed in the background would only keep the span of a caller open who has gone.
        (!refresh && !caller.is_none()).then(|| {
            Arc::new(Load {
                around: Span::none(),
                caller,
                span: Span::none(),
            }) as Arc<dyn Scope>
        })
    }
}

/// A call that runs.
struct Call {
    around: Span,
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
        let _around = Around::enter(&self.around);
        self.span.in_scope(part);
    }

    fn end(&self, ended: Ended<'_>) {
        let hit = match ended.result {
            "hit" => Some(true),
            "error" | "mixed" | "invalidated" => None,
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

/// Says what is around a call while it runs, until it is dropped.
struct Around {
    before: Span,
}

impl Around {
    fn enter(around: &Span) -> Self {
        let before = AROUND.replace(around.clone());
        Self { before }
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        AROUND.set(std::mem::replace(&mut self.before, Span::none()));
    }
}

/// A load that runs.
struct Load {
    around: Span,
    caller: Span,
    span: Span,
}

impl Scope for Load {
    fn within(&self, part: &mut dyn FnMut()) {
        let inner = || self.caller.in_scope(|| self.span.in_scope(part));
        self.around.in_scope(inner);
    }

    fn end(&self, _: Ended<'_>) {}
}
