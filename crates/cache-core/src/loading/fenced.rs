//! The writes of the handle, each between its fences: what loads of the same keys have under way neither overwrites
//! them nor outlives them.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join;

use super::event::LoadEvent;
use super::flight::Flight;
use super::loads::Loads;
use super::patience;
use crate::batch;
use crate::cache::Cache;
use crate::enclosing::EnclosingOperation;
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

    /// Runs a write of one key. It waits only for a load of the same key that stores at this moment, and has no more time in all
    /// than one that does not wait.
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
                let whole = EnclosingOperation::begin(operation);
                match self.wait_for_stores(operation, &[flight]).await {
                    Ok(()) => finish(whole.enclose(write).await),
                    Err(error) => finish(Err(error)),
                }
            }),
        }
    }

    /// Runs a write of several keys, each with what belongs to it. Those that loads are storing are written after the others, so that
    /// a store that takes long keeps no other key waiting. What comes for one key twice stays in its order.
    pub(crate) fn fenced_many<'a, V: Send + 'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        all: Vec<(Key<'a>, V)>,
        write: impl Fn(Vec<(Key<'a>, V)>) -> CacheFuture<'a, Vec<Result<T>>> + Send + Sync + 'a,
    ) -> CacheFuture<'a, Vec<Result<T>>> {
        let registry = &self.loads().registry;
        let (mut tickets, mut storing) = (Vec::with_capacity(all.len()), Vec::new());
        for (key, _) in &all {
            let (ticket, flight) = registry.begin_write(key.as_str());
            tickets.push(ticket);
            storing.extend(flight);
        }
        if storing.is_empty() {
            return write(all).map(move |answer| {
                drop(tickets);
                answer
            });
        }
        let stored: HashSet<&str> = storing.iter().map(|flight| &*flight.key).collect();
        let waits: Vec<bool> = all.iter().map(|(key, _)| stored.contains(key.as_str())).collect();
        let (behind, free): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(key, _)| stored.contains(key.as_str()));
        CacheFuture::boxed(async move {
            let _tickets = tickets;
            let whole = EnclosingOperation::begin(operation);
            let later = async {
                self.wait_for_stores(operation, &storing).await?;
                whole.enclose(|| write(behind)).await
            };
            let (free, behind) = if free.is_empty() {
                (Ok(Vec::new()), later.await)
            } else {
                join(write(free), later).await
            };
            let kind = self.shared().backend.kind();
            let (mut free, mut behind) = (batch::each(kind, free), batch::each(kind, behind));
            let answers = waits.into_iter().map(|waited| {
                let next = if waited { &mut behind } else { &mut free };
                next()
            });
            Ok(answers.collect())
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
            let whole = EnclosingOperation::begin(Operation::Clear);
            self.wait_for_stores(Operation::Clear, &storing).await?;
            whole.enclose(|| self.shared().backend.clear()).await
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
            patience::wait_for_ends(&storing).await;
            backend.close().await
        })
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
