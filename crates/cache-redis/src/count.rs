//! Counting the keys of the namespace in the background, every now and then: a server only knows how many it has in all, and
//! whoever asked it after each write would double the round trips.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{Namespace, Result};
use deadpool_redis::redis::RedisResult;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::backend::RedisBackend;
use crate::call::{Caller, Way};
use crate::clear::found;
use crate::command;
use crate::jitter::jittered;
use crate::link::{Ask, Link};
#[cfg(feature = "cluster")]
use crate::nodes::{self, Node};
use crate::shards::WHOLE;

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

/// What a count needs.
pub(crate) struct Counter {
    caller: Arc<Caller>,
    namespace: Namespace,
    /// How long each request may take.
    limit: Duration,
    sharded: bool,
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
            caller: Arc::clone(&self.caller),
            namespace: self.form.namespace.clone(),
            limit: self.budgets.read,
            sharded: self.sharded,
        }
    }
}

impl Counter {
    /// Counts the keys that begin with the prefix of the namespace.
    async fn count(&self) -> Result<u64> {
        let mut items = 0;
        for server in self.servers().await? {
            let mut cursor = 0;
            loop {
                let start = Instant::now();
                let (next, found) = self.page(&server, cursor).await?;
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
    }

    /// Looks at the first keys, which shows whether this user may.
    pub(crate) async fn try_once(&self) -> Result<()> {
        for server in self.servers().await? {
            self.page(&server, 0).await?;
        }
        Ok(())
    }

    async fn servers(&self) -> Result<Vec<Server>> {
        if self.sharded {
            self.ask(&Servers).await
        } else {
            Ok(vec![Server::Only])
        }
    }

    async fn page(&self, server: &Server, cursor: u64) -> Result<(u64, u64)> {
        let page = Page {
            server,
            cursor,
            prefix: self.namespace.prefix(),
        };
        self.ask(&page).await
    }

    async fn ask<A: Ask>(&self, ask: &A) -> Result<A::Reply> {
        let answer = self.caller.call(Way::Read, WHOLE, ask, self.limit).await?;
        Ok(answer.reply)
    }
}

/// A server that has keys.
enum Server {
    Only,
    #[cfg(feature = "cluster")]
    Master(Node),
}

/// Asks a Cluster which servers have keys.
struct Servers;

impl Ask for Servers {
    type Reply = Vec<Server>;

    #[cfg_attr(
        not(feature = "cluster"),
        expect(unused_variables, reason = "nothing is sent")
    )]
    async fn send(&self, link: &mut Link, limit: Duration) -> RedisResult<Vec<Server>> {
        match link {
            Link::Node(_) => Ok(vec![Server::Only]),
            #[cfg(feature = "cluster")]
            Link::Cluster(cluster) => {
                let masters = nodes::masters(cluster, limit).await?;
                Ok(masters.into_iter().map(Server::Master).collect())
            }
        }
    }
}

/// Asks a server for the next of its keys: where the scan goes on, and how many there were.
struct Page<'a> {
    server: &'a Server,
    cursor: u64,
    prefix: &'a str,
}

impl Ask for Page<'_> {
    type Reply = (u64, u64);

    async fn send(&self, link: &mut Link, limit: Duration) -> RedisResult<(u64, u64)> {
        let scan = command::scan(self.cursor, self.prefix);
        let page = match (link, self.server) {
            #[cfg(feature = "cluster")]
            (Link::Cluster(cluster), Server::Master(node)) => {
                nodes::send(cluster, scan, node.route(), limit).await?
            }
            (link, _) => scan.send(link, limit).await?,
        };
        let (next, keys) = found(page, self.prefix)?;
        Ok((next, keys.len() as u64))
    }
}
