//! The breakers, one for reads and one for writes of each shard, and which shard serves a slot: one that is down must not
//! fail keys of those that are well.
//!
//! A Cluster says by itself who serves what (`CLUSTER SLOTS`). It is asked with each new connection to it, and again when a
//! call has failed, since slots move.

use std::sync::Arc;
#[cfg(feature = "cluster")]
use std::sync::{Mutex, MutexGuard, PoisonError};
#[cfg(feature = "cluster")]
use std::time::Duration;

#[cfg(feature = "cluster")]
use arc_swap::ArcSwapOption;
#[cfg(feature = "cluster")]
use deadpool_redis::redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
#[cfg(feature = "cluster")]
use deadpool_redis::redis::{FromRedisValue, Value};
#[cfg(feature = "cluster")]
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
#[cfg(feature = "cluster")]
use tokio::time::Instant;

use crate::breaker::{Breaker, BreakerSettings};
use crate::call::Way;
#[cfg(feature = "cluster")]
use crate::cluster::ClusterConnection;
#[cfg(feature = "cluster")]
use crate::command;
#[cfg(feature = "cluster")]
use crate::link::within;
#[cfg(feature = "cluster")]
use crate::slot::SLOTS;

/// The group of what concerns no shard more than another: a ping, a clear, all of a single server, and the slots of a
/// Cluster as long as nothing is known of it.
pub(crate) const WHOLE: usize = 0;

/// How many groups a Cluster has, the one of the whole and the last included. Beyond as many shards some share one.
#[cfg(feature = "cluster")]
const GROUPS: usize = 256;

/// The group of slots that nobody serves: their calls fail, and a ping or a clear does not.
#[cfg(feature = "cluster")]
const UNSERVED: u8 = u8::MAX;

/// A Cluster whose calls fail is asked who serves what once in so long.
#[cfg(feature = "cluster")]
const PAUSE: Duration = Duration::from_millis(500);

/// What is known of the shards.
#[derive(Debug)]
pub(crate) struct Shards {
    reading: Box<[Breaker]>,
    writing: Box<[Breaker]>,
    /// The group of each slot.
    #[cfg(feature = "cluster")]
    groups: ArcSwapOption<Vec<u8>>,
    #[cfg(feature = "cluster")]
    known: Mutex<Known>,
}

/// What is looked at only when the answer to who serves what is taken in.
#[cfg(feature = "cluster")]
#[derive(Debug, Default)]
struct Known {
    /// The id of the primary of each group.
    primaries: Vec<Option<Vec<u8>>>,
    asked: Option<Instant>,
    task: Option<JoinHandle<()>>,
    closed: bool,
}

/// Slots from the first to the last, and the id of their primary.
#[cfg(feature = "cluster")]
type Range = (u16, u16, Vec<u8>);

impl Shards {
    /// Makes what a single server needs.
    pub(crate) fn one(breaker: &BreakerSettings) -> Arc<Self> {
        Self::new(breaker, 1)
    }

    /// Makes what a Cluster needs, of which nothing is known yet.
    #[cfg(feature = "cluster")]
    pub(crate) fn many(breaker: &BreakerSettings) -> Arc<Self> {
        Self::new(breaker, GROUPS)
    }

    fn new(breaker: &BreakerSettings, groups: usize) -> Arc<Self> {
        let breakers = || (0..groups).map(|_| Breaker::new(breaker)).collect();
        Arc::new(Self {
            reading: breakers(),
            writing: breakers(),
            #[cfg(feature = "cluster")]
            groups: ArcSwapOption::empty(),
            #[cfg(feature = "cluster")]
            known: Mutex::default(),
        })
    }

    /// Returns how many groups there may be.
    pub(crate) fn groups(&self) -> usize {
        self.reading.len()
    }

    /// Returns the breaker of a group.
    #[inline]
    pub(crate) fn breaker(&self, way: Way, group: usize) -> &Breaker {
        match way {
            Way::Read => &self.reading[group],
            Way::Write => &self.writing[group],
        }
    }

    /// Says whether any breaker is open.
    pub(crate) fn is_open(&self) -> bool {
        self.reading.iter().chain(&self.writing).any(Breaker::is_open)
    }
}

#[cfg(not(feature = "cluster"))]
#[expect(clippy::unused_self, reason = "a Cluster has more to say")]
impl Shards {
    /// Returns the group of the shard that serves a slot.
    pub(crate) fn group(&self, _: u16) -> usize {
        WHOLE
    }

    /// Ends what runs in the background, which is nothing.
    pub(crate) fn close(&self) -> Option<JoinHandle<()>> {
        None
    }
}

#[cfg(feature = "cluster")]
impl Shards {
    /// Returns the group of the shard that serves a slot.
    pub(crate) fn group(&self, slot: u16) -> usize {
        let group = |groups: &Arc<Vec<u8>>| groups.get(usize::from(slot)).copied();
        let group = self.groups.load().as_ref().and_then(group);
        group.map_or(WHOLE, usize::from)
    }

    /// Ends what runs in the background.
    pub(crate) fn close(&self) -> Option<JoinHandle<()>> {
        let mut known = self.known();
        known.closed = true;
        let task = known.task.take();
        if let Some(task) = &task {
            task.abort();
        }
        task
    }

    /// Asks a Cluster who serves what, for so long. Without an answer all is as it was.
    pub(crate) async fn learn(&self, cluster: &mut ClusterConnection, limit: Duration) {
        let anybody = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
        let asked = cluster.route_command(command::cluster_slots().routed(), anybody);
        if let Ok(answer) = within(limit, asked).await {
            self.take_in(ranges(answer));
        }
    }

    /// Asks so in the background, unless that was done just before.
    pub(crate) fn learn_again(self: &Arc<Self>, mut cluster: ClusterConnection, limit: Duration) {
        let mut known = self.known();
        // It ends with its limit, unless the runtime that it was begun in is not run.
        let is_under_way = known.task.as_ref().is_some_and(|task| !task.is_finished());
        let pause = if is_under_way { PAUSE.max(limit) } else { PAUSE };
        if known.closed || known.asked.is_some_and(|before| before.elapsed() < pause) {
            return;
        }
        if let Some(task) = known.task.take() {
            task.abort();
        }
        known.asked = Some(Instant::now());
        let shards = Arc::clone(self);
        // A call has just failed here, so there is a runtime.
        known.task = Handle::try_current().ok().map(|runtime| {
            runtime.spawn(async move {
                shards.learn(&mut cluster, limit).await;
            })
        });
    }

    /// Gives each primary a group, the one that it has if it has one. A breaker whose primary is none any more begins anew
    /// for the next.
    fn take_in(&self, ranges: Vec<Range>) {
        if ranges.is_empty() {
            return;
        }
        let mut known = self.known();
        let is_there = |id: &Vec<u8>| ranges.iter().any(|(.., primary)| primary == id);
        let first = known.primaries.is_empty();
        known.primaries.resize(usize::from(UNSERVED), None);
        for (group, primary) in known.primaries.iter_mut().enumerate() {
            if primary.as_ref().is_some_and(|id| !is_there(id)) {
                *primary = None;
                self.forget(group);
            }
        }
        if first {
            // What was said of all is said of each now.
            self.forget(WHOLE);
        }
        let mut groups = vec![UNSERVED; usize::from(SLOTS)];
        for (nth, (from, to, id)) in ranges.into_iter().enumerate() {
            let primaries = &mut known.primaries;
            let is_own = |primary: &Option<Vec<u8>>| primary.as_ref() == Some(&id);
            let free = || primaries.iter().skip(1).position(Option::is_none);
            let own = primaries.iter().skip(1).position(is_own).or_else(free);
            let group = 1 + own.unwrap_or(nth % usize::from(UNSERVED - 1));
            primaries[group].get_or_insert(id);
            let slots = usize::from(from)..=usize::from(to);
            if let (Some(slots), Ok(group)) = (groups.get_mut(slots), u8::try_from(group)) {
                slots.fill(group);
            }
        }
        if !groups.contains(&UNSERVED) {
            self.forget(usize::from(UNSERVED));
        }
        self.groups.store(Some(Arc::new(groups)));
    }

    fn forget(&self, group: usize) {
        self.reading[group].reset();
        self.writing[group].reset();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the answer to `CLUSTER SLOTS` apart. Each range is its first and last slot and its nodes, the primary first; a node
/// is its host, its port and its id.
#[cfg(feature = "cluster")]
fn ranges(answer: Value) -> Vec<Range> {
    let Ok(ranges) = Vec::<Vec<Value>>::from_redis_value(answer) else {
        return Vec::new();
    };
    let range = |range: Vec<Value>| -> Option<Range> {
        match <[Value; 3]>::try_from(range.into_iter().take(3).collect::<Vec<_>>()).ok()? {
            [Value::Int(from), Value::Int(to), Value::Array(primary)] => {
                let id = Vec::<u8>::from_redis_value(primary.into_iter().nth(2)?).ok()?;
                Some((u16::try_from(from).ok()?, u16::try_from(to).ok()?, id))
            }
            _ => None,
        }
    };
    ranges.into_iter().filter_map(range).collect()
}

#[cfg(test)]
#[cfg(feature = "cluster")]
mod tests {
    use super::*;

    fn shards(ranges: &[(u16, u16, &str)]) -> Arc<Shards> {
        let shards = Shards::many(&BreakerSettings::default().failures_in_a_row(1));
        tell(&shards, ranges);
        shards
    }

    fn tell(shards: &Shards, ranges: &[(u16, u16, &str)]) {
        let ranges = ranges
            .iter()
            .map(|(from, to, id)| (*from, *to, id.as_bytes().to_vec()));
        shards.take_in(ranges.collect());
    }

    fn open(shards: &Shards, slot: u16) {
        let counters = crate::counters::Counters::default();
        let call = shards
            .breaker(Way::Read, shards.group(slot))
            .admit(&counters)
            .unwrap();
        call.note_failure();
        call.end();
    }

    fn is_open(shards: &Shards, slot: u16) -> bool {
        shards.breaker(Way::Read, shards.group(slot)).is_open()
    }

    #[tokio::test]
    async fn every_shard_has_a_group_whatever_its_slots() {
        let shards = shards(&[
            (0, 5_460, "a"),
            (5_461, 10_922, "b"),
            (10_923, 16_382, "c"),
            (16_383, 16_383, "a"),
        ]);
        let groups = [0, 5_460, 5_461, 10_922, 10_923, 16_383].map(|slot| shards.group(slot));
        assert_eq!(groups, [1, 1, 2, 2, 3, 1]);
    }

    #[tokio::test]
    async fn slots_of_which_nothing_is_known_belong_to_the_whole() {
        assert_eq!(shards(&[]).group(0), WHOLE);
    }

    #[tokio::test]
    async fn slots_that_nobody_serves_have_a_group_for_themselves() {
        let shards = shards(&[(0, 9, "a")]);
        let unserved = usize::from(UNSERVED);
        assert_eq!(
            [9, 10, SLOTS - 1].map(|slot| shards.group(slot)),
            [1, unserved, unserved]
        );
    }

    #[tokio::test]
    async fn no_breaker_stays_open_for_slots_that_are_served_again() {
        let shards = shards(&[(0, SLOTS - 2, "a")]);
        open(&shards, SLOTS - 1);
        assert!(shards.is_open());
        tell(&shards, &[(0, SLOTS - 1, "a")]);
        assert!(!shards.is_open());
    }

    #[tokio::test]
    async fn a_breaker_goes_with_its_primary_and_not_with_its_slots() {
        let shards = shards(&[(0, 9, "a"), (10, 19, "b")]);
        open(&shards, 0);
        tell(&shards, &[(0, 4, "b"), (5, 19, "a")]);
        assert_eq!([0, 5, 10].map(|slot| is_open(&shards, slot)), [false, true, true]);
    }

    #[tokio::test]
    async fn the_successor_of_a_primary_begins_with_a_closed_breaker() {
        let shards = shards(&[(0, 9, "a"), (10, 19, "b")]);
        open(&shards, 0);
        tell(&shards, &[(0, 9, "c"), (10, 19, "b")]);
        assert!(!shards.is_open());
    }

    #[tokio::test]
    async fn what_failed_before_anybody_knew_the_shards_is_forgotten() {
        let shards = shards(&[]);
        open(&shards, 0);
        assert!(shards.is_open());
        tell(&shards, &[(0, 9, "a")]);
        assert!(!shards.is_open());
    }

    #[tokio::test]
    async fn beyond_the_groups_shards_share_one() {
        let ids: Vec<_> = (0..300).map(|n| n.to_string()).collect();
        let ranges: Vec<_> = (0..300).map(|n| (n, n, ids[usize::from(n)].as_str())).collect();
        let shards = shards(&ranges);
        let groups = 1..usize::from(UNSERVED);
        assert!((0..300).all(|slot| groups.contains(&shards.group(slot))));
    }
}
