//! What a stampede runs into: a source that takes its time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const LOAD: Duration = Duration::from_millis(5);

/// The source: it takes 5 ms, answers or fails, counts, and says when it last answered. Clones are the same source.
#[derive(Clone, Debug)]
pub struct Source {
    answers: bool,
    loads: Arc<AtomicUsize>,
    ended: Arc<Mutex<Option<Instant>>>,
}

impl Source {
    /// Makes one that answers, or one that fails.
    pub fn new(answers: bool) -> Self {
        Self {
            answers,
            loads: Arc::default(),
            ended: Arc::default(),
        }
    }

    /// Loads.
    ///
    /// # Errors
    /// Always, if it is one that fails.
    pub async fn load(self) -> Result<u64, String> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(LOAD).await;
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if self.answers {
            Ok(7)
        } else {
            Err("the source is down".to_owned())
        }
    }

    /// Returns how often it was asked.
    pub fn loads(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }

    /// Returns when it last answered or failed.
    pub fn ended(&self) -> Option<Instant> {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
