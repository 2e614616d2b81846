//! How soon those who wait for a load are released when it ends badly: within ten milliseconds by the time of the machine,
//! beside what the machine takes from everybody. Nothing is stored.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Cache, CacheBackend, ErrorKind, LoadEvent, LoadOptions, Operation, SystemClock};
use cache_testkit::{CountingBackend, MapBackend, eventually};
use tokio::task::JoinSet;

use crate::support::{Down, Ear, Gate};

const WAITERS: usize = 100;
const HARD: Duration = Duration::from_secs(1);
/// Within so long each waiter ends after the event.
const PROMISED: Duration = Duration::from_millis(10);
/// So often it is tried whether it is so: a machine that runs other tests may have a bad moment.
const GOES: usize = 3;

/// A thread that naps and adds up by how much its naps are late.
struct Watch {
    late: Arc<AtomicU64>,
    ends: Arc<AtomicBool>,
}

impl Watch {
    fn start() -> Self {
        const NAP: Duration = Duration::from_millis(1);
        /// Every nap is a little late, whatever else runs.
        const SLACK: Duration = Duration::from_micros(200);
        let (late, ends) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let watch = Self {
            late: Arc::clone(&late),
            ends: Arc::clone(&ends),
        };
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let start = Instant::now();
                thread::sleep(NAP);
                let overslept = start.elapsed().saturating_sub(NAP + SLACK);
                let micros = u64::try_from(overslept.as_micros()).unwrap_or(u64::MAX);
                late.fetch_add(micros, Ordering::Relaxed);
            }
        });
        watch
    }

    /// Returns for how long the machine held it up.
    fn held_up(&self) -> Duration {
        Duration::from_micros(self.late.load(Ordering::Relaxed))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}

/// How the load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Panic,
    HardTimeout,
    Close,
}

impl End {
    fn kind(self) -> ErrorKind {
        match self {
            Self::Panic => ErrorKind::Panic,
            Self::HardTimeout => ErrorKind::Timeout,
            Self::Close => ErrorKind::Closed,
        }
    }

    /// Lets callers wait for a load, ends it, and returns by how much later than promised the last of them was released.
    async fn overdue(self) -> Duration {
        let backend = Arc::new(CountingBackend::new(MapBackend::new(SystemClock::shared())));
        let ear = Ear::default();
        let hard = (self == Self::HardTimeout).then_some(HARD);
        let cache = Cache::builder(Arc::clone(&backend) as Arc<dyn CacheBackend>)
            .loading(LoadOptions::new().hard_timeout(hard))
            .layer(ear.clone())
            .build()
            .unwrap();
        let (gate, event) = (Gate::shut(), Arc::new(Mutex::new(Instant::now())));
        let mut callers = JoinSet::new();
        for _ in 0..WAITERS {
            let (cache, gate, event) = (cache.clone(), gate.clone(), Arc::clone(&event));
            callers.spawn(async move {
                let load = || async move {
                    *event.lock().unwrap() = Instant::now() + HARD;
                    let before = gate.pass().await;
                    *event.lock().unwrap() = Instant::now();
                    assert!(before > 0, "a test says so");
                    Ok::<i64, Down>(1)
                };
                let answer = cache.get_or_load("key", load).await;
                (answer.unwrap_err().kind(), Instant::now())
            });
        }
        eventually("all wait", || {
            ear.count(|event| *event == LoadEvent::Joined) == WAITERS - 1 && gate.runs() == 1
        })
        .await;
        if self == Self::HardTimeout {
            let end = *event.lock().unwrap();
            let left = end.saturating_duration_since(Instant::now() + PROMISED);
            tokio::time::sleep(left).await;
        }
        let watch = Watch::start();
        match self {
            Self::Panic => gate.let_all_through(),
            Self::HardTimeout => {}
            Self::Close => {
                *event.lock().unwrap() = Instant::now();
                cache.close().await.unwrap();
            }
        }
        let mut last = Instant::now();
        for (kind, ended) in callers.join_all().await {
            assert_eq!(kind, self.kind());
            last = last.max(ended);
        }
        let took = last.saturating_duration_since(*event.lock().unwrap());
        let overdue = took.saturating_sub(PROMISED + watch.held_up());
        gate.let_all_through();
        assert_eq!(cache.loads_in_flight(), 0);
        assert_eq!(backend.count(Operation::Set), 0, "nothing is stored");
        match cache.exists("key").await {
            Ok(exists) => assert!(!exists),
            Err(error) => assert_eq!((self, error.kind()), (Self::Close, ErrorKind::Closed)),
        }
        overdue
    }

    async fn releases_all_in_time(self) {
        let mut least = Duration::MAX;
        for _ in 0..GOES {
            least = least.min(self.overdue().await);
            if least.is_zero() {
                return;
            }
        }
        panic!("at best the last waiter is released {least:?} later than promised");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loader_that_panics_releases_all_who_wait_at_once() {
    End::Panic.releases_all_in_time().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hard_timeout_releases_all_who_wait_at_once() {
    End::HardTimeout.releases_all_in_time().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_releases_all_who_wait_at_once() {
    End::Close.releases_all_in_time().await;
}
