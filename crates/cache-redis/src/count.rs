//! Counting the keys of the namespace in the background, every now and then: a server only knows how many it has in all, and
//! whoever asked it after each write would double the round trips.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{ErrorKind, Namespace, Result};
use deadpool_redis::redis::RedisResult;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::backend::RedisBackend;
use crate::clear::{Lent, found};
use crate::command;
use crate::failure;
use crate::jitter::jittered;
use crate::link::{Ask, Link};
#[cfg(feature = "cluster")]
use crate::nodes::{self, Node};
use crate::pool::{Pool, of_pool};
use crate::shards::Shards;

/// What is known of the number of keys, and the task that counts them.
#[derive(Debug)]
pub(crate) struct Counting {
    /// `None` counts nothing.
    interval: Option<Duration>,
    counted: Arc<Counted>,
    task: Mutex<Task>,
}

#[derive(Debug)]
struct Counted {
    /// [`UNKNOWN`] before the first count.
    items: AtomicU64,
    failures: AtomicU64,
    /// Whether a task counts.
    runs: AtomicBool,
}

#[derive(Debug, Default)]
struct Task {
    handle: Option<JoinHandle<()>>,
    closed: bool,
}

const UNKNOWN: u64 = u64::MAX;

/// What a count needs. It has a connection of its own: what goes wrong on it is nothing to callers.
pub(crate) struct Counter {
    pool: Pool,
    shards: Arc<Shards>,
    namespace: Namespace,
    /// How long each request may take.
    limit: Duration,
}

impl Counting {
    pub(crate) fn new(interval: Option<Duration>) -> Self {
        Self {
            interval,
            counted: Arc::new(Counted {
                items: AtomicU64::new(UNKNOWN),
                failures: AtomicU64::new(0),
                runs: AtomicBool::new(false),
            }),
            task: Mutex::default(),
        }
    }

    /// Says whether keys are counted at all.
    pub(crate) fn is_on(&self) -> bool {
        self.interval.is_some()
    }

    /// Returns how many keys the last count found.
    pub(crate) fn items(&self) -> Option<u64> {
        Some(self.counted.items.load(Ordering::Relaxed)).filter(|items| *items != UNKNOWN)
    }

    /// Returns how many counts failed, if keys are counted.
    pub(crate) fn failures(&self) -> Option<u64> {
        self.interval
            .map(|_| self.counted.failures.load(Ordering::Relaxed))
    }

    /// Begins to count unless that is under way. The task is in the runtime of who calls, and the first one after its end begins
    /// anew.
    #[inline]
    pub(crate) fn start(&self, counter: impl FnOnce() -> Counter) {
        if let Some(interval) = self.interval
            && !self.counted.runs.load(Ordering::Relaxed)
        {
            self.start_now(interval, counter());
        }
    }

    #[cold]
    fn start_now(&self, interval: Duration, counter: Counter) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut task = self.task();
        if task.closed || self.counted.runs.swap(true, Ordering::Relaxed) {
            return;
        }
        let running = Running(Arc::clone(&self.counted));
        task.handle = Some(runtime.spawn(async move {
            loop {
                running.note(&counter.count().await);
                // Processes that began at the same time are not to scan at the same time for ever.
                sleep(jittered(interval)).await;
            }
        }));
    }

    /// Tells the task to end, for good.
    pub(crate) fn stop(&self) -> Option<JoinHandle<()>> {
        let mut task = self.task();
        task.closed = true;
        task.handle.take().inspect(JoinHandle::abort)
    }

    fn task(&self) -> MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that counts. It ends when this is dropped, also by the end of its runtime before it ever ran.
struct Running(Arc<Counted>);

impl Running {
    fn note(&self, count: &Result<u64>) {
        match count {
            Ok(items) => self.0.items.store(*items, Ordering::Relaxed),
            // What was counted last stands, and the backend tells that it is down.
            Err(_) => drop(self.0.failures.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.runs.store(false, Ordering::Relaxed);
    }
}

impl RedisBackend {
    /// Returns what counts its keys.
    pub(crate) fn counter(&self) -> Counter {
        Counter {
            pool: self.caller.pool.clone(),
            shards: Arc::clone(&self.caller.shards),
            namespace: self.form.namespace.clone(),
            limit: self.budgets.write,
        }
    }
}

impl Counter {
    /// Counts the keys that begin with the prefix of the namespace.
    async fn count(&self) -> Result<u64> {
        // Whether the server is well again is for callers to find out.
        if self.shards.is_open() {
            return Err(failure::not_counted());
        }
        self.over_connection(async |link| {
            let mut items = 0;
            for server in self.servers(link).await? {
                let mut cursor = 0;
                loop {
                    let start = Instant::now();
                    let (next, found) = self.page(link, &server, cursor).await?;
                    items += found;
                    if next == 0 {
                        break;
                    }
                    cursor = next;
                    // Others have the server for as long.
                    sleep(start.elapsed()).await;
                }
            }
            Ok(items)
        })
        .await
    }

    /// Looks at the first keys.
    ///
    /// # Errors
    /// If this user may not.
    pub(crate) async fn check_rights(&self) -> Result<()> {
        let looked = self
            .over_connection(async |link| {
                for server in self.servers(link).await? {
                    self.page(link, &server, 0).await?;
                }
                Ok(())
            })
            .await;
        match looked {
            Err(error) if error.kind() == ErrorKind::Denied => Err(error),
            // A cache does not have to wait for its number.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Takes a connection out of the pool for as long as it is needed. After a failure it ends.
    async fn over_connection<T>(&self, scan: impl AsyncFnOnce(&mut Link) -> RedisResult<T>) -> Result<T> {
        let pooled = self.pool.get().await.map_err(|cause| of_pool(&cause))?;
        let mut lent = Lent::new(pooled);
        let scanned = scan(&mut lent.link).await;
        if scanned.is_ok() {
            lent.give_back();
        }
        scanned.map_err(|cause| failure::of(&cause))
    }

    #[cfg_attr(
        not(feature = "cluster"),
        expect(clippy::unused_async, reason = "only a Cluster has to be asked")
    )]
    async fn servers(&self, link: &mut Link) -> RedisResult<Vec<Server>> {
        match link {
            Link::Node(_) => Ok(vec![Server::Only]),
            #[cfg(feature = "cluster")]
            Link::Cluster(cluster) => {
                let masters = nodes::masters(cluster, self.limit).await?;
                Ok(masters.into_iter().map(Server::Master).collect())
            }
        }
    }

    /// Asks a server for the next of its keys: where the scan goes on, and how many there were.
    async fn page(&self, link: &mut Link, server: &Server, cursor: u64) -> RedisResult<(u64, u64)> {
        let scan = command::scan(cursor, self.namespace.prefix());
        let page = match (link, server) {
            #[cfg(feature = "cluster")]
            (Link::Cluster(cluster), Server::Master(node)) => {
                nodes::send(cluster, scan, node.route(), self.limit).await?
            }
            (link, _) => scan.send(link, self.limit).await?.extract_error()?,
        };
        let (next, keys) = found(page, self.namespace.prefix())?;
        Ok((next, keys.len() as u64))
    }
}

/// A server that has keys.
enum Server {
    Only,
    #[cfg(feature = "cluster")]
    Master(Node),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call that found the backend open may come to this after it was closed.
    #[tokio::test]
    async fn what_was_stopped_does_not_begin_again() {
        let builder = RedisBackend::builder().count_interval(Duration::from_secs(1));
        let backend = builder.build().unwrap();
        backend.counting.stop();
        backend.counting.start(|| backend.counter());
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    }
}
