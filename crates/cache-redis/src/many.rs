//! Operations on many keys: one request for those that one server answers together, all within one budget.

use std::collections::BTreeMap;

use cache_core::{CacheError, Entry, Key, Result};
use deadpool_redis::redis::{Cmd, Pipeline, Value};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::backend::RedisBackend;
use crate::call::{Answer, Origin, Way, settle};
use crate::reply::{out_of_step, stored, went};
use crate::{command, failure};

/// How many keys one request carries. More would keep others waiting at the server.
const MOST: usize = 1_000;

/// A key with its place among those that were asked about, and what belongs to it.
struct Placed<'a, T> {
    place: usize,
    key: Key<'a>,
    what: T,
}

/// The answers that have come, by place.
type Answers<T> = Vec<(usize, Result<T>)>;

impl RedisBackend {
    pub(crate) async fn get_all(&self, keys: &[Key<'_>]) -> Vec<Result<Option<Entry>>> {
        let wanted = keys.iter().enumerate();
        let wanted = wanted.map(|(place, key)| Placed {
            place,
            key: *key,
            what: (),
        });
        let requests = self.by_server(wanted).into_iter();
        let answers = join_all(requests.map(|request| self.get_together(request))).await;
        in_order(keys.len(), answers.into_iter().flatten())
    }

    async fn get_together(&self, request: Vec<Placed<'_, ()>>) -> Answers<Option<Entry>> {
        match self.mget(&request).await {
            Ok((replies, origin)) => {
                let mut doubt = None;
                let answers = request.iter().zip(replies);
                let answers = answers
                    .map(|(one, reply)| (one.place, self.found(one.key, reply, &origin, &mut doubt)))
                    .collect();
                settle(doubt, &origin).await;
                answers
            }
            Err(error) => each(&request, &error),
        }
    }

    async fn mget(&self, request: &[Placed<'_, ()>]) -> Result<(Vec<Value>, Origin<'_>)> {
        let ask = command::mget(request.iter().map(|one| self.form.key(one.key)));
        let group = self.group_of(request);
        let Answer { reply, origin } = self
            .caller
            .call(Way::Read, group, &ask, self.budgets.read)
            .await?;
        match reply {
            Value::Array(replies) if replies.len() == request.len() => Ok((replies, origin)),
            other => Err(out_of_step(other, &origin)),
        }
    }

    pub(crate) async fn set_all(&self, entries: &[(Key<'_>, Entry)]) -> Vec<Result<()>> {
        let mut commands = Vec::with_capacity(entries.len());
        let mut failed = Vec::new();
        for (place, (key, entry)) in entries.iter().enumerate() {
            let stored = self.form.key(*key);
            let what = match self.form.seal(*key, entry) {
                Ok(Some(sealed)) => command::set(stored, &sealed.bytes, sealed.millis),
                Ok(None) => command::unlink(stored),
                Err(error) => {
                    failed.push((place, Err(error)));
                    continue;
                }
            };
            commands.push(Placed {
                place,
                key: *key,
                what,
            });
        }
        let done = self
            .write_all(commands, |reply, origin| match reply {
                // The answer to the removal that stands for an entry which is over.
                Value::Int(0 | 1) => Ok(()),
                reply => stored(reply, origin),
            })
            .await;
        in_order(entries.len(), done.into_iter().chain(failed))
    }

    pub(crate) async fn delete_all(&self, keys: &[Key<'_>]) -> Vec<Result<bool>> {
        let commands = keys.iter().enumerate().map(|(place, key)| Placed {
            place,
            key: *key,
            what: command::unlink(self.form.key(*key)),
        });
        let done = self.write_all(commands.collect(), went).await;
        in_order(keys.len(), done)
    }

    /// Sends commands that write, those of one key in their order.
    async fn write_all<T>(
        &self,
        commands: Vec<Placed<'_, Cmd>>,
        read: impl Fn(Value, &Origin<'_>) -> Result<T> + Sync,
    ) -> Answers<T> {
        let deadline = Instant::now() + self.budgets.write;
        let requests = self.by_server(commands.into_iter());
        if self.sharded {
            // One key is in one request, so they may overtake each other.
            let sent = requests
                .into_iter()
                .map(|request| self.write_together(request, deadline, &read));
            return join_all(sent).await.into_iter().flatten().collect();
        }
        let mut answers = Vec::new();
        for request in requests {
            answers.extend(self.write_together(request, deadline, &read).await);
        }
        answers
    }

    async fn write_together<T>(
        &self,
        request: Vec<Placed<'_, Cmd>>,
        deadline: Instant,
        read: &(impl Fn(Value, &Origin<'_>) -> Result<T> + Sync),
    ) -> Answers<T> {
        let group = self.group_of(&request);
        let mut ask = Pipeline::with_capacity(request.len());
        let mut rest = Vec::with_capacity(request.len());
        for one in request {
            ask.add_command(one.what);
            rest.push(Placed {
                place: one.place,
                key: one.key,
                what: (),
            });
        }
        let budget = deadline.saturating_duration_since(Instant::now());
        if budget.is_zero() {
            return each(&rest, &failure::too_late());
        }
        match self.caller.call(Way::Write, group, &ask, budget).await {
            Ok(Answer { reply, origin }) if reply.len() == rest.len() => rest
                .iter()
                .zip(reply)
                .map(|(one, reply)| (one.place, read(reply, &origin)))
                .collect(),
            Ok(Answer { origin, .. }) => {
                origin.distrust();
                each(&rest, &failure::unexpected_reply())
            }
            Err(error) => each(&rest, &error),
        }
    }

    /// Puts together what one server answers together: by slot in a Cluster, and not too many.
    fn by_server<'a, T>(&self, all: impl Iterator<Item = Placed<'a, T>>) -> Vec<Vec<Placed<'a, T>>> {
        let mut slots: BTreeMap<u16, Vec<Vec<Placed<'a, T>>>> = BTreeMap::new();
        for one in all {
            let slot = if self.sharded { self.slot(one.key) } else { 0 };
            let requests = slots.entry(slot).or_default();
            match requests.last_mut() {
                Some(last) if last.len() < MOST || self.sharded => last.push(one),
                _ => requests.push(vec![one]),
            }
        }
        slots.into_values().flatten().collect()
    }

    fn group_of<T>(&self, request: &[Placed<'_, T>]) -> usize {
        request.first().map_or(0, |one| self.group(one.key))
    }
}

/// Makes the error of a whole request the answer of each of its keys.
fn each<T>(request: &[Placed<'_, ()>], error: &CacheError) -> Answers<T> {
    request
        .iter()
        .map(|one| (one.place, Err(error.clone())))
        .collect()
}

/// Puts answers into the order of the keys.
fn in_order<T>(keys: usize, answers: impl IntoIterator<Item = (usize, Result<T>)>) -> Vec<Result<T>> {
    let mut places: Vec<Option<Result<T>>> = (0..keys).map(|_| None).collect();
    for (place, answer) in answers {
        places[place] = Some(answer);
    }
    let missing = || Err(failure::unexpected_reply());
    places
        .into_iter()
        .map(|answer| answer.unwrap_or_else(missing))
        .collect()
}
