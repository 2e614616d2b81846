//! The task of one flight: waits for a permit, looks again if it has to, runs the loader, stores what it brought if the
//! fences allow it, and lands. Whatever happens to the task, the flight lands.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::error::{self, BoxError, Fault};
use super::event::{LoadEvent, LoadResult};
use super::failures::Failure;
use super::flight::{Flight, Landed};
use super::freshness::spread;
use super::landing::Landing;
use super::loader::{Brought, Outcome, Unread};
use super::look::{Looked, look};
use super::options::LoadOptions;
use super::publish;
use super::scope::{Scope, Within};
use super::stamp;
use super::waits;
use crate::cache::Cache;
use crate::enclosing::EnclosingOperation;
use crate::entry::Entry;
use crate::error::{CacheError, Result};
use crate::expiration::Expiration;
use crate::key::Key;
use crate::operation::Operation;

/// A loader that runs, whatever its type.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Brought, BoxError>> + Send>>;
/// A loader that waits for the key and the older value to run.
pub(crate) type Work = Box<dyn FnOnce(&Cache, &Arc<str>, Option<Entry>) -> Running + Send>;

/// What a flight is to do.
pub(crate) struct Plan {
    pub(crate) work: Work,
    /// The older value, for a conditional request.
    pub(crate) older: Option<Entry>,
    /// Whether to look in the backend once more before loading.
    pub(crate) look_again: bool,
    /// Whether the backend failed the look of the caller that leads. Then nobody waits for the store.
    pub(crate) failed: bool,
    /// Whether it runs in the background.
    pub(crate) refresh: bool,
    pub(crate) options: LoadOptions,
    /// The TTL of the call.
    pub(crate) ttl: Expiration,
    pub(crate) unread: Unread,
}

/// Starts the task of a flight.
pub(crate) fn start(runtime: &Handle, cache: &Cache, flight: &Arc<Flight>, plan: Plan) {
    let mut landing = Landing::new(cache);
    landing.add(flight);
    let scope = scope(cache, flight, plan.refresh);
    let task = runtime.spawn(fly(landing, Arc::clone(flight), plan, scope));
    flight.crew().is_task(task.abort_handle());
}

/// Returns what the load is to run in. The caller that leads it calls this.
pub(crate) fn scope(cache: &Cache, flight: &Flight, refresh: bool) -> Option<Arc<dyn Scope>> {
    let follower = cache.shared().follower.as_ref()?;
    follower.load(Key::new(&flight.key).ok()?, refresh)
}

/// The landing comes as an argument: what a runtime drops before it ran has no local variables to drop.
async fn fly(landing: Landing, flight: Arc<Flight>, plan: Plan, scope: Option<Arc<dyn Scope>>) {
    let load = load(landing.cache(), &flight, plan);
    let done = match scope {
        None => catch(pin!(load)).await,
        Some(scope) => catch(pin!(Within::new(&scope, load))).await,
    };
    if done.is_none() {
        landing.land(Fault::Failed, &error::task_panicked());
    }
}

async fn load(cache: &Cache, flight: &Arc<Flight>, plan: Plan) {
    let Plan {
        work,
        mut older,
        look_again,
        mut failed,
        refresh,
        options,
        ttl,
        unread,
    } = plan;
    let permit = match cache.loads().permit().await {
        Ok(permit) => permit,
        Err(error) => {
            cache.tell(&flight.key, LoadEvent::Refused);
            return fail(cache, flight, &options, Fault::Refused, error);
        }
    };
    // Before its loader a load may make markers, so it has as long as a set for what it asks.
    let asking = EnclosingOperation::begin(Operation::Set);
    if look_again {
        flight.crew().look();
        (older, failed) = match look(cache, flight, older.as_ref(), options.strict, unread).await {
            Looked::Here(landed) => {
                cache.loads().registry.end(flight, None, cache.now());
                if let Landed::Found { entry, .. } = &landed {
                    flight.confirm(cache, entry.tags()).await;
                }
                return flight.land(landed);
            }
            Looked::Older(entry) => (entry, false),
            Looked::Unanswered => (None, true),
            Looked::Failed(error) => return refuse(cache, flight, error),
        };
    }
    let generations = stamp::generations(cache, flight, &options, ttl, failed, asking).await;
    flight.runs(cache);
    let loader = work(cache, &flight.key, older.clone());
    let (brought, elapsed, run) = match run(cache, flight, refresh, &options, loader).await {
        Ok(done) => done,
        Err((fault, error)) => return fail(cache, flight, &options, fault, error),
    };
    // It protects the source and not the backend, which may be slow to store.
    drop(permit);
    let brought = match brought {
        Ok(brought) => brought,
        Err(cause) => {
            run.end(LoadResult::Error, elapsed);
            return fail(cache, flight, &options, Fault::Failed, error::failed(cause));
        }
    };
    let kept = older
        .as_ref()
        .filter(|_| matches!(brought.outcome, Outcome::NotModified));
    if let Err(error) = flight.carry(cache, &brought.tags, kept) {
        run.end(LoadResult::Error, elapsed);
        return fail(cache, flight, &options, Fault::Failed, error);
    }
    let kept = publish::keep(cache, &options, ttl, brought, older.as_ref(), elapsed);
    run.end(kept.result, elapsed);
    match kept.landed {
        Ok(landed) => {
            flight.bring(&landed);
            if failed || generations.as_ref().is_err_and(CacheError::is_transient) {
                flight.hand_out();
            }
            if let Some(tags) = publish::store(cache, flight, &generations, kept.change).await {
                flight.confirm(cache, &tags).await;
            }
            flight.land(landed);
        }
        Err(error) => fail(cache, flight, &options, Fault::Failed, error),
    }
}

/// Runs a loader up to the hard timeout. Who gets its output says how it ended.
pub(crate) async fn run<'a, R>(
    cache: &'a Cache,
    flight: &'a Arc<Flight>,
    refresh: bool,
    options: &LoadOptions,
    loader: impl Future<Output = R>,
) -> Result<(R, Duration, Run<'a>), (Fault, CacheError)> {
    flight.crew().begin(options.hard_timeout);
    let run = Run::start(cache, &flight.key, refresh);
    let loader = pin!(waits::run_as(flight.crew().id(), loader));
    let caught = catch(loader);
    let output = match options.hard_timeout {
        Some(limit) => {
            let Ok(output) = timeout(limit, caught).await else {
                let elapsed = run.start.elapsed();
                run.end(LoadResult::Timeout, elapsed);
                return Err((Fault::TimedOut, error::timed_out(limit)));
            };
            output
        }
        None => caught.await,
    };
    let elapsed = run.start.elapsed();
    let Some(output) = output else {
        run.end(LoadResult::Panic, elapsed);
        return Err((Fault::Failed, error::panicked()));
    };
    Ok((output, elapsed, run))
}

/// Polls a future to its end, `None` if it panics.
pub(crate) async fn catch<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        // The future is not polled again after a panic, so nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// A loader that runs. The observers hear of its end, however it comes.
pub(crate) struct Run<'a> {
    cache: &'a Cache,
    key: &'a str,
    refresh: bool,
    start: Instant,
    ended: bool,
}

impl<'a> Run<'a> {
    fn start(cache: &'a Cache, key: &'a str, refresh: bool) -> Self {
        cache.tell(key, LoadEvent::Started);
        Self {
            cache,
            key,
            refresh,
            start: Instant::now(),
            ended: false,
        }
    }

    pub(crate) fn end(mut self, result: LoadResult, elapsed: Duration) {
        self.tell(result, elapsed);
    }

    fn tell(&mut self, result: LoadResult, elapsed: Duration) {
        self.ended = true;
        let refresh = self.refresh;
        self.cache.tell(
            self.key,
            LoadEvent::Ended {
                result,
                elapsed,
                refresh,
            },
        );
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.tell(LoadResult::Cancelled, self.start.elapsed());
        }
    }
}

/// Ends a flight whose backend failed, before its loader ran: that says nothing about the source, so it is not remembered.
pub(crate) fn refuse(cache: &Cache, flight: &Arc<Flight>, error: CacheError) {
    let error = cache.load_context(&flight.key, error);
    cache.loads().registry.end(flight, None, cache.now());
    flight.land(Landed::Failed(Fault::Backend, error));
}

/// Ends a flight without an answer.
pub(crate) fn fail(
    cache: &Cache,
    flight: &Arc<Flight>,
    options: &LoadOptions,
    fault: Fault,
    error: CacheError,
) {
    // Said once here, it is shared by all who wait.
    let error = cache.load_context(&flight.key, error);
    let now = cache.now();
    let loads = cache.loads();
    let is_remembered = options.longest_stale().is_some()
        || options.error_memory.is_some()
        || options.refresh_ahead.is_some();
    // What the limit refused says nothing about the source.
    let memory = options.error_memory.filter(|_| fault != Fault::Refused);
    let failure = is_remembered.then(|| Failure {
        fault,
        error: error.clone(),
        retry_at: now + spread(options.retry_after, &*loads.random),
        remembered_until: memory.map_or(now, |memory| now + memory),
    });
    loads.registry.end(flight, failure, now);
    flight.land(Landed::Failed(fault, error));
}
