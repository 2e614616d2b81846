//! How the caches of a registry do, for those who run the service. Asking often costs nothing: an answer is kept for a
//! while, and callers at the same time share one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::registry::{Entry, Registry};
use crate::together::{all, sign_of_life};

/// Whether something answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// How one cache does. It serializes for an HTTP answer and holds no secret.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CacheHealth {
    /// Whether its backend answers.
    pub status: Status,
    /// The word for its backend.
    pub backend: &'static str,
    /// Whether the service is unready while it is down.
    pub required: bool,
    /// How long the backend took to answer, in milliseconds.
    pub latency_ms: f64,
    /// Why it is down: the kind of the error, and its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Down>,
    /// Entries held, if they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// The limit of `items`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
}

/// Why a cache is down.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Down {
    /// The kind of the error, such as `unavailable`.
    pub kind: &'static str,
    /// What to do about it.
    pub message: String,
}

/// How all caches do.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HealthReport {
    /// Up if every cache is.
    pub status: Status,
    /// The caches by their names.
    pub caches: BTreeMap<String, CacheHealth>,
}

impl HealthReport {
    /// Says whether every cache answers.
    pub fn is_up(&self) -> bool {
        self.status == Status::Up
    }

    /// Says whether every cache answers that is required. A service is ready then: it can do without the others.
    pub fn is_ready(&self) -> bool {
        self.caches
            .values()
            .all(|cache| cache.status == Status::Up || !cache.required)
    }
}

/// Asks caches how they do.
///
/// ```
/// # #[cfg(feature = "memory")]
/// # async fn example() -> cache_core::Result<()> {
/// use cache_factory::{Health, Registry};
///
/// let caches = Registry::new();
/// caches.insert(cache_factory::in_memory("users").build()?).await?;
/// let health = Health::new(caches);
/// let report = health.check().await;
/// assert!(report.is_up() && report.is_ready());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it asks nobody until check is called"]
pub struct Health {
    registry: Registry,
    max_age: Duration,
    timeout: Duration,
    probes: Arc<StdMutex<BTreeMap<String, Arc<Probe>>>>,
}

/// The last answer of a cache. The lock is held while it is asked, so others wait for the same answer.
type Probe = Mutex<Option<Answer>>;

#[derive(Debug)]
struct Answer {
    /// Which of the caches that had this name gave it.
    of: Arc<()>,
    at: Instant,
    health: CacheHealth,
}

impl Health {
    /// Asks the caches of a registry.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            max_age: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            probes: Arc::default(),
        }
    }

    /// Sets how long an answer is kept, one second unless it is told; zero asks anew each time.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets how long a backend has for its answer, one second unless it is told. It needs a Tokio runtime with a timer;
    /// without one a backend has as long as it takes itself.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says how every cache does. All are asked at the same time, so it takes no longer than the timeout.
    pub async fn check(&self) -> HealthReport {
        let entries = self.registry.entries();
        let asked = entries
            .iter()
            .map(|(name, entry)| self.ask(self.probe(name), entry));
        let answers = all(asked).await;
        let names = entries.iter().map(|(name, _)| name.clone());
        let caches: BTreeMap<_, _> = names.zip(answers).collect();
        self.forget_removed(&caches);
        let is_up = caches.values().all(|cache| cache.status == Status::Up);
        let status = if is_up { Status::Up } else { Status::Down };
        HealthReport { status, caches }
    }

    async fn ask(&self, probe: Arc<Probe>, entry: &Entry) -> CacheHealth {
        let mut last = probe.lock().await;
        if let Some(answer) = &*last
            && Arc::ptr_eq(&answer.of, &entry.mark)
            && answer.at.elapsed() < self.max_age
        {
            return answer.health.clone();
        }
        let begin = Instant::now();
        let answer = sign_of_life(&entry.cache, self.timeout).await;
        let stats = entry.cache.stats();
        let health = CacheHealth {
            status: if answer.is_ok() { Status::Up } else { Status::Down },
            backend: entry.cache.backend_kind(),
            required: entry.required,
            latency_ms: begin.elapsed().as_micros() as f64 / 1e3,
            error: answer.err().map(|error| Down {
                kind: error.kind().as_str(),
                message: error.message().to_owned(),
            }),
            items: stats.items,
            max_items: stats.max_items,
        };
        // Its age counts from its end: callers that waited for a slow answer share it and do not ask one after the other.
        *last = Some(Answer {
            of: Arc::clone(&entry.mark),
            at: Instant::now(),
            health: health.clone(),
        });
        health
    }

    fn probe(&self, name: &str) -> Arc<Probe> {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(probes.entry(name.to_owned()).or_default())
    }

    fn forget_removed(&self, caches: &BTreeMap<String, CacheHealth>) {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes.retain(|name, _| caches.contains_key(name));
    }
}
