//! The contract on top of requests: which command each operation is, and what its answer means.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_core::{
    BackendStats, CacheBackend, CacheError, CacheFuture, Clock, ConnectionStats, Entry, ErrorKind, Key,
    RejectReason, Result, envelope,
};
use deadpool_redis::redis::Value;

use crate::budget::Budgets;
use crate::call::{Caller, Way};
use crate::command;
use crate::config::RedisBuilder;
use crate::count::Counting;
use crate::link::Once;
use crate::origin::{Doubt, Origin, settle};
use crate::reply::{out_of_step, stored, went};
use crate::shards::WHOLE;
use crate::slot;
use crate::stored::{Form, Found};

/// Entries on a Redis server, a Cluster, or the master that Sentinels know.
///
/// It connects when it is first used, and again whenever it has to. Dropping it ends its connections and its attempts to
/// make some; [`close`](CacheBackend::close) does so too and waits for them.
///
/// `items` of its stats is unknown unless [`count_interval`](RedisBuilder::count_interval) is set: counting takes a look at all
/// keys of the database.
pub struct RedisBackend {
    pub(crate) form: Form,
    pub(crate) caller: Caller,
    pub(crate) budgets: Budgets,
    pub(crate) counting: Counting,
    /// Keys are spread over several servers by their slots.
    pub(crate) sharded: bool,
    closed: AtomicBool,
}

impl RedisBackend {
    /// Starts to build a backend: one server at `127.0.0.1:6379`, namespace `cache`.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    pub(crate) fn new(
        form: Form,
        caller: Caller,
        budgets: Budgets,
        counting: Counting,
        sharded: bool,
    ) -> Self {
        Self {
            form,
            caller,
            budgets,
            counting,
            sharded,
            closed: AtomicBool::new(false),
        }
    }

    /// Returns the group of the shard that serves a key.
    pub(crate) fn group(&self, key: Key<'_>) -> usize {
        if self.sharded {
            self.caller.shards.group(self.slot(key))
        } else {
            WHOLE
        }
    }

    pub(crate) fn slot(&self, key: Key<'_>) -> u16 {
        slot::of(self.form.namespace.prefix().as_bytes(), key.as_str().as_bytes())
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            Err(CacheError::closed())
        } else {
            Ok(())
        }
    }

    /// Boxes an operation of an open backend.
    fn open<'a, T>(&self, operation: impl Future<Output = Result<T>> + Send + 'a) -> CacheFuture<'a, T> {
        match self.check_open() {
            Ok(()) => {
                self.counting.start(|| self.counter());
                CacheFuture::boxed(operation)
            }
            Err(error) => CacheFuture::ready(Err(error)),
        }
    }

    async fn get_one(&self, key: Key<'_>) -> Result<Option<Entry>> {
        let ask = command::get(self.form.key(key));
        match self
            .caller
            .call(Way::Read, self.group(key), &ask, self.budgets.reading())
            .await
        {
            Ok(answer) => {
                let mut doubt = None;
                let found = self.found(key, answer.reply, &answer.origin, &mut doubt);
                settle(doubt, &answer.origin).await;
                found
            }
            Err(error) => self.unless_wrong_type(error, None),
        }
    }

    /// Says what a reply to a read means. A value that should not be there is a doubt about its connection.
    pub(crate) fn found(
        &self,
        key: Key<'_>,
        reply: Value,
        origin: &Origin<'_>,
        doubt: &mut Option<Doubt>,
    ) -> Result<Option<Entry>> {
        let stored = match reply {
            Value::Nil => return Ok(None),
            Value::BulkString(stored) => stored,
            other => return Err(out_of_step(other, origin)),
        };
        match self.form.open(key, stored)? {
            Found::Entry(entry) => Ok(Some(entry)),
            Found::Over => Ok(None),
            Found::Rejected { reason, desync } => {
                self.caller.reject(reason);
                *doubt = doubt.take().or_else(|| desync.then(|| self.doubt(key)));
                Ok(None)
            }
        }
    }

    fn doubt(&self, key: Key<'_>) -> Doubt {
        Doubt(if self.sharded { self.slot(key) } else { 0 })
    }

    /// Counts a key that holds another kind of value, which is a miss.
    fn unless_wrong_type<T>(&self, error: CacheError, miss: T) -> Result<T> {
        if error.kind() == ErrorKind::Decode {
            self.caller.reject(RejectReason::WrongType);
            Ok(miss)
        } else {
            Err(error)
        }
    }

    async fn set_one(&self, key: Key<'_>, entry: &Entry) -> Result<()> {
        // The time that it takes to make bytes of a value is not the server's.
        let (group, budget) = (self.group(key), self.budgets.writing());
        let Some(sealed) = self.form.seal(key, entry)? else {
            return self.delete_one(key).await.map(drop);
        };
        let len = sealed.bytes.len();
        let ask = command::set(self.form.key(key), sealed.bytes, sealed.millis);
        let answer = if sealed.once {
            self.caller.call(Way::Write, group, &Once(ask), budget).await?
        } else {
            self.caller.call(Way::Write, group, &ask, budget).await?
        };
        stored(answer.reply, &answer.origin)?;
        // The marker of a tag is no value: no layer counts it as a set either.
        if !sealed.once {
            self.caller.counters.note_stored([len]);
        }
        Ok(())
    }

    async fn delete_one(&self, key: Key<'_>) -> Result<bool> {
        let ask = command::unlink(self.form.key(key));
        let answer = self
            .caller
            .call(Way::Write, self.group(key), &ask, self.budgets.writing())
            .await?;
        went(answer.reply, &answer.origin)
    }

    /// Looks at the header and not only whether the key is there, so that it agrees with a get.
    async fn exists_one(&self, key: Key<'_>) -> Result<bool> {
        let stored = self.form.key(key);
        let ask = if self.form.raw {
            command::exists(stored)
        } else {
            command::head(stored, envelope::PEEK_LEN)
        };
        let answer = self
            .caller
            .call(Way::Read, self.group(key), &ask, self.budgets.reading())
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.unless_wrong_type(error, false),
        };
        match answer.reply {
            Value::Int(count @ (0 | 1)) if self.form.raw => Ok(count == 1),
            Value::BulkString(head) if !self.form.raw => match self.form.exists(key, &head) {
                Ok(there) => Ok(there),
                Err(rejection) => {
                    self.caller.reject(rejection.into());
                    let doubt = rejection.is_desync().then(|| self.doubt(key));
                    settle(doubt, &answer.origin).await;
                    Ok(false)
                }
            },
            other => Err(out_of_step(other, &answer.origin)),
        }
    }
}

impl CacheBackend for RedisBackend {
    fn kind(&self) -> &'static str {
        "redis"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.form.clock)
    }

    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>> {
        self.open(self.get_one(key))
    }

    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()> {
        self.open(async move { self.set_one(key, &entry).await })
    }

    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.open(self.delete_one(key))
    }

    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool> {
        self.open(self.exists_one(key))
    }

    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>> {
        self.open(async move { Ok(self.get_all(&keys).await) })
    }

    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>> {
        self.open(async move { Ok(self.set_all(&entries).await) })
    }

    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>> {
        self.open(async move { Ok(self.delete_all(&keys).await) })
    }

    fn clear(&self) -> CacheFuture<'_, ()> {
        self.open(self.clear_all())
    }

    fn stats(&self) -> BackendStats {
        let pool = self.caller.pool.status();
        let mut connections = ConnectionStats::default();
        connections.open = pool.size as u64;
        connections.max = pool.max_size as u64;
        connections.breaker_open = self.caller.shards.is_open();
        let mut stats = BackendStats::default();
        self.caller.counters.report(&mut stats, &mut connections);
        if self.check_open().is_err() {
            stats.up = Some(false);
        }
        stats.connections = Some(connections);
        stats.items = self.counting.items();
        stats.item_count_failures = self.counting.failures();
        stats
    }

    fn ping(&self) -> CacheFuture<'_, ()> {
        self.open(self.alive(Way::Read, self.budgets.read))
    }

    fn close(&self) -> CacheFuture<'_, ()> {
        self.closed.store(true, Ordering::Release);
        let counting = self.counting.stop();
        CacheFuture::boxed(async move {
            self.caller.close(counting).await;
            Ok(())
        })
    }
}

impl Drop for RedisBackend {
    fn drop(&mut self) {
        drop((self.caller.stop(), self.counting.stop()));
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend")
            .field("target", self.caller.pool.manager())
            .field("namespace", &self.form.namespace)
            .finish_non_exhaustive()
    }
}
