//! The writes of the handle, each between its fences: what loads of the same keys have under way neither overwrites
//! them nor outlives them.

use std::sync::Arc;

use tokio::time::Instant;

use super::error;
use super::event::LoadEvent;
use super::flight::Flight;
use super::loads::Loads;
use super::patience::{self, GRACE};
use crate::cache::Cache;
use crate::error::{CacheError, Result};
use crate::future::CacheFuture;
use crate::key::Key;
use crate::operation::Operation;

impl Cache {
    pub(crate) fn loads(&self) -> &Loads {
        &self.shared().loads
    }

    /// Tells the observers what happened to a load.
    pub(crate) fn tell(&self, key: &str, event: LoadEvent) {
        if let Ok(key) = Key::new(key) {
            for observer in &self.shared().observers {
                observer.load(key, event);
            }
        }
    }

    /// Adds to the error of a load what this handle knows.
    pub(crate) fn load_context(&self, key: &str, error: CacheError) -> CacheError {
        self.context(Operation::GetOrLoad, Key::new(key).ok(), error)
    }

    /// Runs a write of one key. It waits only for a load of the same key that stores at this moment. If the backend failed
    /// that store it has taken its time already, and the write does not take it once more.
    pub(crate) fn fenced<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        key: Key<'a>,
        write: impl FnOnce() -> CacheFuture<'a, T> + Send + 'a,
    ) -> CacheFuture<'a, T> {
        let (ticket, storing) = self.loads().registry.begin_write(key.as_str());
        let finish = move |answer: Result<T>| {
            drop(ticket);
            answer.map_err(|error| self.context(operation, Some(key), error))
        };
        match storing {
            None => write().map(finish),
            Some(flight) => CacheFuture::boxed(async move {
                match self.wait_for_store(operation, &flight).await {
                    Ok(()) => finish(write().await),
                    Err(error) => finish(Err(error)),
                }
            }),
        }
    }

    /// Runs a write of several keys.
    pub(crate) fn fenced_many<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        keys: Vec<Key<'a>>,
        write: impl FnOnce(Vec<Key<'a>>) -> CacheFuture<'a, Vec<T>> + Send + 'a,
    ) -> CacheFuture<'a, Vec<T>> {
        let registry = &self.loads().registry;
        let (mut tickets, mut storing) = (Vec::with_capacity(keys.len()), Vec::new());
        for key in &keys {
            let (ticket, flight) = registry.begin_write(key.as_str());
            tickets.push(ticket);
            storing.extend(flight);
        }
        if storing.is_empty() {
            return write(keys).map(move |answer| {
                drop(tickets);
                answer
            });
        }
        CacheFuture::boxed(async move {
            let _tickets = tickets;
            self.wait_for_stores(operation, &storing).await?;
            write(keys).await
        })
    }

    pub(crate) fn fenced_clear(&self) -> CacheFuture<'_, ()> {
        let (ticket, storing) = self.loads().registry.begin_clear();
        if storing.is_empty() {
            return self.shared().backend.clear().map(move |answer| {
                drop(ticket);
                answer
            });
        }
        CacheFuture::boxed(async move {
            let _ticket = ticket;
            self.wait_for_stores(Operation::Clear, &storing).await?;
            self.shared().backend.clear().await
        })
    }

    /// Ends all loads, then the backend. Loads that store are waited for, up to the deadline of the backend.
    pub(crate) fn close_loads(&self) -> CacheFuture<'_, ()> {
        let storing = self.loads().registry.close();
        if storing.is_empty() {
            return self.shared().backend.close();
        }
        let backend = Arc::clone(&self.shared().backend);
        CacheFuture::boxed(async move {
            // What stands still must not keep the backend open.
            let _ = patience::wait_for_stores(&storing).await;
            backend.close().await
        })
    }

    /// Waits for the flight that a write of one key has to come after.
    async fn wait_for_store(&self, operation: Operation, flight: &Arc<Flight>) -> Result<()> {
        let start = Instant::now();
        self.wait_for_stores(operation, std::slice::from_ref(flight))
            .await?;
        if flight.is_unstored() && start.elapsed() > GRACE {
            return self.refused(operation, Err(error::store_failed()));
        }
        Ok(())
    }

    /// Waits for the flights that a write has to come after.
    async fn wait_for_stores(&self, operation: Operation, storing: &[Arc<Flight>]) -> Result<()> {
        self.refused(operation, patience::wait_for_stores(storing).await)
    }

    /// Tells the observers of a write that is not done, since no layer hears of it.
    fn refused(&self, operation: Operation, waited: Result<()>) -> Result<()> {
        if let Err(error) = &waited {
            let told = error.clone().with_context(operation, &self.shared().name, None);
            for observer in &self.shared().observers {
                observer.failed(operation, &told);
            }
        }
        waited
    }
}
