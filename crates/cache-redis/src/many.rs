//! Operations on many keys: one request for those that one server answers together, all within one budget.

use std::collections::BTreeMap;

use cache_core::{CacheError, Entry, Key, Result};
use deadpool_redis::redis::Value;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::backend::RedisBackend;
use crate::budget::Budget;
use crate::call::{Answer, Turn, Way};
use crate::command::{self, Command, Commands};
use crate::failure;
use crate::origin::{Origin, settle};
use crate::reply::{out_of_step, stored, went};
use crate::shards::WHOLE;

/// How many keys one request carries. More would keep others waiting at the server.
const MOST: usize = 1_000;

/// A key with its place among those that were asked about, and what belongs to it.
struct Placed<'a, T> {
    place: usize,
    key: Key<'a>,
    what: T,
}

/// What one server answers together.
type Request<'a, T> = Vec<Placed<'a, T>>;

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
        let groups = self.by_group(wanted).into_iter();
        let answers = join_all(groups.map(|(group, requests)| self.get_group(group, requests))).await;
        in_order(keys.len(), answers.into_iter().flatten())
    }

    /// Reads what one breaker watches over, for which this is one operation: a slow one fails once, however many slots it
    /// asks for.
    async fn get_group(&self, group: usize, requests: Vec<Request<'_, ()>>) -> Answers<Option<Entry>> {
        let budget = self.budgets.reading();
        let turn = match self.caller.begin(Way::Read, group, budget) {
            Ok(turn) => turn,
            Err(error) => {
                return requests
                    .iter()
                    .flat_map(|request| each(request, &error))
                    .collect();
            }
        };
        let sent = requests
            .iter()
            .map(|request| self.get_together(&turn, request, budget));
        let answers = join_all(sent).await;
        turn.admission.end();
        answers.into_iter().flatten().collect()
    }

    async fn get_together(
        &self,
        turn: &Turn<'_>,
        request: &[Placed<'_, ()>],
        budget: Budget,
    ) -> Answers<Option<Entry>> {
        match self.mget(turn, request, budget).await {
            Ok((replies, origin)) => {
                let mut doubt = None;
                let answers = request.iter().zip(replies);
                let answers = answers
                    .map(|(one, reply)| (one.place, self.found(one.key, reply, &origin, &mut doubt)))
                    .collect();
                settle(doubt, &origin).await;
                answers
            }
            Err(error) => each(request, &error),
        }
    }

    async fn mget<'a>(
        &'a self,
        turn: &Turn<'a>,
        request: &[Placed<'_, ()>],
        budget: Budget,
    ) -> Result<(Vec<Value>, Origin<'a>)> {
        let ask = command::mget(request.iter().map(|one| self.form.key(one.key)));
        let Answer { reply, origin } = self.caller.ask(turn, &ask, budget).await?;
        match reply {
            Value::Array(replies) if replies.len() == request.len() => Ok((replies, origin)),
            other => Err(out_of_step(other, &origin)),
        }
    }

    pub(crate) async fn set_all(&self, entries: &[(Key<'_>, Entry)]) -> Vec<Result<()>> {
        // The time that it takes to make bytes of values is not the server's.
        let budget = self.budgets.writing();
        let mut commands = Vec::with_capacity(entries.len());
        let mut failed = Vec::new();
        let mut lens = vec![None; entries.len()];
        for (place, (key, entry)) in entries.iter().enumerate() {
            let stored = self.form.key(*key);
            let what = match self.form.seal(*key, entry) {
                Ok(Some(sealed)) => {
                    lens[place] = Some(sealed.bytes.len());
                    command::set(stored, sealed.bytes, sealed.millis)
                }
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
            .write_all(commands, budget, |reply, origin| match reply {
                // The answer to the removal that stands for an entry which is over.
                Value::Int(0 | 1) => Ok(()),
                reply => stored(reply, origin),
            })
            .await;
        let taken = done.iter().filter(|(_, answer)| answer.is_ok());
        let lens = taken.filter_map(|(place, _)| lens[*place]);
        self.caller.counters.note_stored(lens);
        in_order(entries.len(), done.into_iter().chain(failed))
    }

    pub(crate) async fn delete_all(&self, keys: &[Key<'_>]) -> Vec<Result<bool>> {
        let commands = keys.iter().enumerate().map(|(place, key)| Placed {
            place,
            key: *key,
            what: command::unlink(self.form.key(*key)),
        });
        let budget = self.budgets.writing();
        let done = self.write_all(commands.collect(), budget, went).await;
        in_order(keys.len(), done)
    }

    /// Sends commands that write, those of one key in their order.
    async fn write_all<T>(
        &self,
        commands: Vec<Placed<'_, Command<'_>>>,
        budget: Budget,
        read: impl Fn(Value, &Origin<'_>) -> Result<T> + Sync,
    ) -> Answers<T> {
        let deadline = Instant::now() + budget.left;
        let groups = self.by_group(commands.into_iter()).into_iter();
        let sent = groups.map(|(group, requests)| self.write_group(group, requests, budget, deadline, &read));
        join_all(sent).await.into_iter().flatten().collect()
    }

    /// Writes what one breaker watches over, as [`get_group`](Self::get_group).
    async fn write_group<T>(
        &self,
        group: usize,
        requests: Vec<Request<'_, Command<'_>>>,
        budget: Budget,
        deadline: Instant,
        read: &(impl Fn(Value, &Origin<'_>) -> Result<T> + Sync),
    ) -> Answers<T> {
        let turn = match self.caller.begin(Way::Write, group, budget) {
            Ok(turn) => turn,
            Err(error) => {
                let all = requests.into_iter().flatten();
                return all.map(|one| (one.place, Err(error.clone()))).collect();
            }
        };
        let mut answers = Vec::new();
        if self.sharded {
            // One key is in one request, so they may overtake each other.
            let sent = requests
                .into_iter()
                .map(|request| self.write_together(&turn, request, budget, deadline, read));
            answers.extend(join_all(sent).await.into_iter().flatten());
        } else {
            for request in requests {
                answers.extend(self.write_together(&turn, request, budget, deadline, read).await);
            }
        }
        turn.admission.end();
        answers
    }

    async fn write_together<T>(
        &self,
        turn: &Turn<'_>,
        request: Request<'_, Command<'_>>,
        budget: Budget,
        deadline: Instant,
        read: &(impl Fn(Value, &Origin<'_>) -> Result<T> + Sync),
    ) -> Answers<T> {
        let (places, ask): (Vec<usize>, Commands<'_>) =
            request.into_iter().map(|one| (one.place, one.what)).unzip();
        let failed = |error: CacheError| places.iter().map(|place| (*place, Err(error.clone()))).collect();
        let budget = budget.with_left(deadline.saturating_duration_since(Instant::now()));
        if budget.left.is_zero() {
            return failed(failure::too_late());
        }
        match self.caller.ask(turn, &ask, budget).await {
            Ok(Answer { reply, origin }) if reply.len() == places.len() => {
                let answers = places.iter().zip(reply);
                answers
                    .map(|(place, reply)| (*place, read(reply, &origin)))
                    .collect()
            }
            Ok(Answer { origin, .. }) => {
                origin.distrust();
                failed(failure::unexpected_reply())
            }
            Err(error) => failed(error),
        }
    }

    /// Puts together what one server answers together, by slot in a Cluster and not too many, and such requests by the
    /// breaker that watches over them.
    fn by_group<'a, T>(
        &self,
        all: impl Iterator<Item = Placed<'a, T>>,
    ) -> BTreeMap<usize, Vec<Request<'a, T>>> {
        let mut groups: BTreeMap<usize, Vec<Request<'a, T>>> = BTreeMap::new();
        if !self.sharded {
            let requests = groups.entry(WHOLE).or_default();
            for one in all {
                match requests.last_mut() {
                    Some(last) if last.len() < MOST => last.push(one),
                    _ => requests.push(vec![one]),
                }
            }
            return groups;
        }
        let mut slots: BTreeMap<u16, Request<'a, T>> = BTreeMap::new();
        for one in all {
            slots.entry(self.slot(one.key)).or_default().push(one);
        }
        for (slot, request) in slots {
            groups
                .entry(self.caller.shards.group(slot))
                .or_default()
                .push(request);
        }
        groups
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
