//! A Cluster whose slots move and whose nodes die. The cells share two, one after the other, and leave them well.

use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, ErrorKind, Namespace};
use cache_testkit::servers::{RedisCluster, RedisServer, Reply};

use crate::bench::{
    NAMESPACE, cache_of, ends_clean_on, recovers, recovers_among_others, settings, store_on, tasks,
};
use crate::call::{Call, Column, Outcome};

/// How long it may take after a new primary is there.
const RECOVERY: Duration = Duration::from_secs(2);

const UNREADY: [ErrorKind; 2] = [ErrorKind::Unavailable, ErrorKind::Timeout];

/// The calls that go on while a primary is replaced.
const FAILOVER: [Call; 8] = [
    Call::Get,
    Call::Set,
    Call::GetMany,
    Call::SetMany,
    Call::Delete,
    Call::Clear,
    Call::GetOrLoad,
    Call::GetOrLoadMany,
];

/// Makes a test of each cell of a row, as `row!` does. Each waits for its turn before it begins.
macro_rules! cluster_row {
    ($name:ident, $fault:path) => {
        mod $name {
            use super::*;

            fn cell(column: Column) {
                let turn = turn();
                crate::cell::run(async { $fault(column, ClusterBench::new(&turn).await).await });
            }

            #[test]
            fn get() {
                cell(Column::Get);
            }

            #[test]
            fn get_or_load() {
                cell(Column::GetOrLoad);
            }

            #[test]
            fn set() {
                cell(Column::Set);
            }

            #[test]
            fn delete_and_clear() {
                cell(Column::DeleteAndClear);
            }

            #[test]
            fn many_keys() {
                cell(Column::ManyKeys);
            }
        }
    };
}

cluster_row!(a_slot_that_moved, moved);
cluster_row!(a_slot_that_is_moving, moving);
cluster_row!(a_shard_that_is_down, shard_down);
cluster_row!(a_cluster_that_is_down, cluster_down);
cluster_row!(a_shard_that_is_frozen, shard_frozen);

/// A Cluster, and the right to harm it.
type Turn = MutexGuard<'static, Option<RedisCluster>>;

/// Waits until one of two Clusters is free and whole. A cell that failed may have left its one in any state, so the next
/// cell gets a new one.
fn turn() -> Turn {
    static CLUSTERS: [Mutex<Option<RedisCluster>>; 2] = [const { Mutex::new(None) }; 2];
    loop {
        for cluster in &CLUSTERS {
            let mut turn = match cluster.try_lock() {
                Ok(turn) => turn,
                Err(TryLockError::Poisoned(failed)) => {
                    cluster.clear_poison();
                    let mut turn = failed.into_inner();
                    *turn = None;
                    turn
                }
                Err(TryLockError::WouldBlock) => continue,
            };
            turn.get_or_insert_with(RedisCluster::start).wait_until_whole();
            return turn;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A cache on the Cluster, which it has for itself.
struct ClusterBench<'a> {
    cluster: &'a RedisCluster,
    cache: Cache,
    /// A key of each primary.
    keys: [String; 3],
    /// Tasks that there were before the cache.
    tasks: usize,
}

impl<'a> ClusterBench<'a> {
    async fn new(turn: &'a Turn) -> Self {
        let cluster = turn.as_ref().unwrap();
        let tasks = tasks();
        let cache = cache_of(settings().cluster(cluster.urls()));
        recovers(&cache, RECOVERY).await;
        let bench = Self {
            tasks,
            keys: keys(cluster),
            cluster,
            cache,
        };
        bench.fill().await;
        bench
    }

    async fn fill(&self) {
        for key in &self.keys {
            store_on(&self.cache, key).await;
        }
    }

    /// Runs a call on all keys, or on the first.
    async fn ask(&self, call: Call) -> Outcome {
        let [a, b, c] = &self.keys;
        call.run_on(&self.cache, &[a, b, c]).await
    }

    /// Runs a call on all keys but the first.
    async fn ask_others(&self, call: Call) -> Outcome {
        let [_, b, c] = &self.keys;
        call.run_on(&self.cache, &[b, c]).await
    }

    /// Returns the slot of the first key.
    fn slot(&self) -> u16 {
        self.cluster.slot(&stored(&self.keys[0]))
    }

    /// Stores a key of the same primary as the first and of another slot.
    async fn other_key_of_the_first(&self) -> String {
        let home = self.cluster.primary(self.slot()).port();
        let keys = (1_000..).map(|n| format!("{{{n}}}"));
        let is_there = |key: &String| {
            let slot = self.cluster.slot(&stored(key));
            slot != self.slot() && self.cluster.primary(slot).port() == home
        };
        let key = { keys }.find(is_there).unwrap();
        store_on(&self.cache, &key).await;
        key
    }

    /// Returns a primary that the first key does not belong to.
    fn other(&self) -> &'a RedisServer {
        self.cluster.primary(self.cluster.slot(&stored(&self.keys[1])))
    }

    async fn ends(self) {
        recovers(&self.cache, RECOVERY).await;
        ends_clean_on(self.cache, self.cluster.nodes(), self.tasks).await;
    }
}

fn stored(key: &str) -> String {
    format!("{}{key}", Namespace::new(NAMESPACE).unwrap().prefix())
}

/// Finds a key of each primary. A key that begins with one of them has the same slot.
fn keys(cluster: &RedisCluster) -> [String; 3] {
    let mut keys: Vec<(u16, String)> = Vec::new();
    for key in (0..).map(|n| format!("{{{n}}}")) {
        let port = cluster.primary(cluster.slot(&stored(&key))).port();
        if keys.iter().all(|(other, _)| *other != port) {
            keys.push((port, key));
        }
        if keys.len() == 3 {
            break;
        }
    }
    let mut keys = keys.into_iter().map(|(_, key)| key);
    [(); 3].map(|()| keys.next().unwrap())
}

/// The client is told where the slot is now, and asks there.
async fn moved(column: Column, bench: ClusterBench<'_>) {
    let (home, slot) = (bench.cluster.primary(bench.slot()), bench.slot());
    for call in column.calls() {
        bench.fill().await;
        bench.cluster.move_slot(slot, bench.other());
        bench.ask(*call).await.is_well();
        bench.cluster.move_slot(slot, home);
    }
    bench.ends().await;
}

/// The keys of the slot are at the new node already, the slot is not.
async fn moving(column: Column, bench: ClusterBench<'_>) {
    let (home, slot) = (bench.cluster.primary(bench.slot()), bench.slot());
    for call in column.calls() {
        bench.fill().await;
        bench.cluster.begin_move(slot, bench.other());
        bench.cluster.move_keys(slot, bench.other());
        let outcome = bench.ask(*call).await;
        bench.cluster.end_move(slot, bench.other());
        bench.cluster.move_slot(slot, home);
        outcome.is_well();
    }
    bench.ends().await;
}

/// A count asks each master by its address, which the client library answers for one that is away by making all connections anew.
#[test]
fn counting_with_a_shard_down_is_nothing_to_calls_on_the_others() {
    let turn = turn();
    crate::cell::run(async {
        let mut bench = ClusterBench::new(&turn).await;
        bench.cache.close().await.unwrap();
        let often = Duration::from_millis(10);
        bench.cache = cache_of(settings().cluster(bench.cluster.urls()).count_interval(often));
        recovers(&bench.cache, RECOVERY).await;
        let dead = [
            bench.cluster.primary(bench.slot()),
            bench.cluster.replica(bench.slot()),
        ];
        for node in dead {
            node.kill();
        }
        let failures = || bench.cache.stats().item_count_failures.unwrap();
        let enough = failures() + 10;
        while failures() < enough {
            bench.ask_others(Call::Get).await.has_no_error();
        }
        assert_eq!(bench.cache.stats().connections.unwrap().retries, 0);
        for node in dead {
            node.start();
        }
        bench.cluster.wait_until_well();
        bench.ends().await;
    });
}

/// The primary of the first key and its replica are dead; what the others hold is as before.
async fn shard_down(column: Column, bench: ClusterBench<'_>) {
    let dead = [
        bench.cluster.primary(bench.slot()),
        bench.cluster.replica(bench.slot()),
    ];
    for node in dead {
        node.kill();
    }
    for call in column.calls() {
        for _ in 0..6 {
            let outcome = bench.ask(*call).await;
            if !call.is_of_first_key() {
                outcome.fails_at_most_with(&UNREADY);
                continue;
            }
            let others = outcome.answers.iter().skip(1);
            assert_eq!(outcome.answers[0].is_ok(), call.loads(), "{outcome:?}");
            assert!(others.clone().all(Result::is_ok), "{outcome:?}");
            outcome.fails_at_most_with(&UNREADY);
            if *call == Call::Clear {
                names(&outcome, &dead[..1]);
            } else {
                bench.ask_others(*call).await.has_no_error();
            }
        }
    }
    if column == Column::DeleteAndClear {
        let left = bench.ask_others(Call::GetMany).await;
        assert!(
            left.answers.iter().all(|answer| matches!(answer, Ok(false))),
            "a clear removes what it can: {left:?}"
        );
    }
    for node in dead {
        node.start();
    }
    bench.cluster.wait_until_well();
    bench.ends().await;
}

/// Checks that the error of a clear names these nodes.
fn names(outcome: &Outcome, nodes: &[&RedisServer]) {
    for error in outcome.errors() {
        let says = |node: &&RedisServer| error.to_string().contains(&format!("127.0.0.1:{}", node.port()));
        assert!(nodes.iter().all(says), "{error}");
    }
}

/// A slot belongs to nobody, and all nodes refuse to serve any.
async fn cluster_down(column: Column, bench: ClusterBench<'_>) {
    let slot = bench.slot().to_string();
    for node in bench.cluster.nodes() {
        node.command(["CONFIG", "SET", "cluster-require-full-coverage", "yes"]);
    }
    let home = take_away(bench.cluster, bench.slot(), &stored("a"));
    for call in column.calls() {
        for _ in 0..3 {
            let outcome = bench.ask(*call).await;
            // A ping is for no key.
            if *call == Call::Ping {
                outcome.is_well();
                continue;
            }
            outcome.fails_with(&UNREADY);
            assert!(outcome.errors().all(cache_core::CacheError::is_transient));
        }
    }
    home.command(["CLUSTER", "ADDSLOTS", &slot]);
    bench.cluster.wait_until_well();
    for node in bench.cluster.nodes() {
        node.command(["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    bench.ends().await;
}

/// Takes a slot from its home, which it returns, and waits until no node serves a key.
fn take_away<'a>(cluster: &'a RedisCluster, slot: u16, key: &str) -> &'a RedisServer {
    let (home, slot) = (cluster.primary(slot), slot.to_string());
    // First where it belongs, which tells the others until then.
    home.command(["CLUSTER", "DELSLOTS", &slot]);
    for node in cluster.nodes() {
        node.wait_until("it still serves the key", |node| {
            // It is refused where the slot belongs to nobody already.
            node.command(["CLUSTER", "DELSLOTS", &slot]);
            matches!(node.command(["GET", key]), Reply::Error(error) if error.starts_with("CLUSTERDOWN"))
        });
    }
    home
}

/// A probe of the whole must not ask for the right to call from slots that cannot succeed.
#[test]
fn a_slot_that_nobody_serves_fails_neither_pings_nor_clears_nor_other_slots() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let key = bench.other_key_of_the_first().await;
        let slot = bench.cluster.slot(&stored(&key));
        let home = bench.cluster.primary(slot);
        // A clear would say that it is left.
        home.command(["DEL", &stored(&key)]);
        take_away(bench.cluster, slot, &stored(&key));
        for call in [Call::Get, Call::Set] {
            // The first says so for its shard, which it belongs to no more once the cache has learned that.
            for _ in 0..30 {
                call.run_on(&bench.cache, &[&key]).await.fails_with(&UNREADY);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        assert!(bench.cache.stats().connections.unwrap().breaker_open);
        for call in [Call::Ping, Call::GetMany, Call::SetMany, Call::Clear] {
            bench.ask(call).await.is_well();
        }
        home.command(["CLUSTER", "ADDSLOTS", &slot.to_string()]);
        bench.cluster.wait_until_well();
        bench.ends().await;
    });
}

/// The primary of the first key stands still. Its replica takes its place after a while, or it goes on before.
async fn shard_frozen(column: Column, bench: ClusterBench<'_>) {
    let (old, new) = (
        bench.cluster.primary(bench.slot()),
        bench.cluster.replica(bench.slot()),
    );
    old.freeze();
    for call in column.calls() {
        for _ in 0..2 {
            let outcome = bench.ask(*call).await;
            if !call.is_of_first_key() {
                outcome.fails_at_most_with(&UNREADY);
                continue;
            }
            let others = outcome.answers.iter().skip(1);
            // By now a slow machine may have got so far that there is a new primary.
            let is_over = tokio::task::block_in_place(|| new.is_primary());
            assert!(
                is_over || outcome.answers[0].is_ok() == call.loads(),
                "{outcome:?}"
            );
            assert!(others.clone().all(Result::is_ok), "{outcome:?}");
            outcome.fails_at_most_with(&UNREADY);
            if *call != Call::Clear {
                bench.ask_others(*call).await.has_no_error();
            }
        }
    }
    tokio::task::block_in_place(|| {
        new.wait_until("it does not become the primary", RedisServer::is_primary);
    });
    recovers(&bench.cache, RECOVERY).await;
    old.thaw();
    bench.cluster.wait_until_whole();
    bench.ends().await;
}

/// A read of several keys of a slot of which some have moved cannot be answered now, and others can.
#[test]
fn keys_of_a_slot_that_is_moving_in_parts_fail_for_now_and_other_slots_do_not() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let (home, slot) = (bench.cluster.primary(bench.slot()), bench.slot());
        let twin = format!("{}-twin", bench.keys[0]);
        store_on(&bench.cache, &twin).await;
        bench.cluster.begin_move(slot, bench.other());
        let port = bench.other().port().to_string();
        home.command(["MIGRATE", "127.0.0.1", &port, &stored(&twin), "0", "5000"]);
        let keys = [&*bench.keys[0], &*twin, &*bench.keys[1]];
        let outcome = Call::GetMany.run_on(&bench.cache, &keys).await;
        bench.cluster.move_keys(slot, bench.other());
        bench.cluster.end_move(slot, bench.other());
        let after = Call::GetMany.run_on(&bench.cache, &keys).await;
        bench.cluster.move_slot(slot, home);
        outcome.fails_at_most_with(&UNREADY);
        assert!(
            matches!(outcome.answers[..], [Err(_), Err(_), Ok(true)]),
            "{outcome:?}"
        );
        after.is_well();
        bench.ends().await;
    });
}

#[test]
fn after_a_primary_has_died_calls_succeed_as_soon_as_there_is_a_new_one() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let slot = bench.slot();
        let old = bench.cluster.primary(slot);
        let callers: Vec<_> = FAILOVER
            .into_iter()
            .map(|call| {
                let (cache, keys) = (bench.cache.clone(), bench.keys.clone());
                tokio::spawn(async move {
                    let [a, b, c] = &keys;
                    loop {
                        call.run_on(&cache, &[a, b, c]).await.fails_at_most_with(&UNREADY);
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                })
            })
            .collect();
        tokio::task::block_in_place(|| bench.cluster.failover(slot));
        recovers_among_others(&bench.cache, RECOVERY).await;
        for caller in callers {
            caller.abort();
            assert!(
                caller.await.unwrap_err().is_cancelled(),
                "a call took too long or was wrong"
            );
        }
        bench.cluster.wait_until_well();
        old.start();
        bench.cluster.wait_until_well();
        bench.ends().await;
    });
}

/// Its host takes connections and says nothing, and it is one of those that the cache was told.
#[test]
fn a_node_that_is_silent_does_not_keep_the_others_from_being_reached() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let (old, new) = (
            bench.cluster.primary(bench.slot()),
            bench.cluster.replica(bench.slot()),
        );
        old.freeze();
        tokio::task::block_in_place(|| {
            new.wait_until("it does not become the primary", RedisServer::is_primary);
        });
        recovers(&bench.cache, RECOVERY).await;
        let late = cache_of(settings().cluster(bench.cluster.urls()));
        recovers(&late, RECOVERY).await;
        late.close().await.unwrap();
        old.thaw();
        bench.cluster.wait_until_well();
        bench.ends().await;
    });
}

/// The connections to the other shards are well, and the client library looks for the dead one by itself.
#[test]
fn a_shard_that_is_down_costs_no_connection_to_the_others() {
    let turn = turn();
    crate::cell::run(async {
        let mut bench = ClusterBench::new(&turn).await;
        bench.cache.close().await.unwrap();
        // It would spare the server most of the calls.
        let off = cache_redis::BreakerSettings::off();
        bench.cache = cache_of(settings().cluster(bench.cluster.urls()).breaker(off));
        recovers(&bench.cache, RECOVERY).await;
        bench.fill().await;
        let dead = [
            bench.cluster.primary(bench.slot()),
            bench.cluster.replica(bench.slot()),
        ];
        for node in dead {
            node.kill();
        }
        let connects = || {
            let connections = bench.cache.stats().connections.unwrap();
            connections.connects + connections.connect_failures
        };
        let before = connects();
        for _ in 0..20 {
            bench.ask(Call::Get).await.fails_with(&UNREADY);
            bench.ask(Call::Set).await.fails_with(&UNREADY);
        }
        let made = connects() - before;
        for node in dead {
            node.start();
        }
        bench.cluster.wait_until_well();
        bench.ends().await;
        assert!(made <= 4, "it connected {made} times");
    });
}

/// The breaker of the dead shard is open, and its slots begin right beside those of one that is well.
#[test]
fn a_shard_that_is_down_harms_no_neighbour_slot() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let (dead, neighbour) = ("{24}", "{2}");
        let [slot, beside] = [dead, neighbour].map(|key| bench.cluster.slot(&stored(key)));
        assert_eq!((slot, beside), (5_408, 5_649));
        store_on(&bench.cache, neighbour).await;
        let nodes = [bench.cluster.primary(slot), bench.cluster.replica(slot)];
        for node in nodes {
            node.kill();
        }
        for call in [Call::Get, Call::Set] {
            for _ in 0..10 {
                call.run_on(&bench.cache, &[dead]).await.fails_with(&UNREADY);
            }
            assert!(bench.cache.stats().connections.unwrap().breaker_open);
            for _ in 0..10 {
                call.run_on(&bench.cache, &[neighbour]).await.is_well();
            }
        }
        for node in nodes {
            node.start();
        }
        bench.cluster.wait_until_well();
        bench.ends().await;
    });
}

/// Slots move, and the calls that fail after the move are those of the shard that they are at now.
#[test]
fn a_slot_that_moved_does_not_fail_with_the_shard_that_it_was_at() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let (moved, stays) = (bench.keys[0].as_str(), bench.other_key_of_the_first().await);
        let (home, replica) = (
            bench.cluster.primary(bench.slot()),
            bench.cluster.replica(bench.slot()),
        );
        bench.cluster.move_slot(bench.slot(), bench.other());
        home.kill();
        replica.kill();
        for _ in 0..10 {
            Call::Get
                .run_on(&bench.cache, &[&stays])
                .await
                .fails_with(&UNREADY);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(bench.cache.stats().connections.unwrap().breaker_open);
        for _ in 0..10 {
            Call::Get.run_on(&bench.cache, &[moved]).await.is_well();
        }
        for node in [home, replica] {
            node.start();
        }
        bench.cluster.wait_until_well();
        bench.cluster.move_slot(bench.slot(), home);
        bench.ends().await;
    });
}

/// What is left of the Cluster cannot serve, and a clear says which nodes it could not reach.
#[test]
fn a_clear_names_all_nodes_that_are_down() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let slots = [&bench.keys[0], &bench.keys[1]].map(|key| bench.cluster.slot(&stored(key)));
        let dead = slots.map(|slot| bench.cluster.primary(slot));
        let replicas = slots.map(|slot| bench.cluster.replica(slot));
        for node in replicas.iter().chain(&dead) {
            node.kill();
        }
        let outcome = bench.ask(Call::Clear).await;
        outcome.fails_with(&UNREADY);
        names(&outcome, &dead);
        // A replica is there when it is in step.
        for node in dead.iter().chain(&replicas) {
            node.start();
        }
        bench.cluster.wait_until_well();
        bench.ends().await;
    });
}

/// It asks for hundreds of slots, and all of them are late. That is one failure and not hundreds.
#[test]
fn one_call_on_many_keys_that_is_late_opens_no_breaker() {
    let turn = turn();
    crate::cell::run(async {
        let bench = ClusterBench::new(&turn).await;
        let keys: Vec<String> = (0..500).map(|n| format!("many-{n}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        for call in [Call::GetMany, Call::SetMany] {
            for node in bench.cluster.primaries() {
                node.command(["CLIENT", "PAUSE", "500"]);
            }
            call.run_on(&bench.cache, &keys).await.fails_with(&UNREADY);
            let connections = bench.cache.stats().connections.unwrap();
            assert_eq!(connections.breaker_openings, 0, "after {call:?}");
            recovers(&bench.cache, RECOVERY).await;
        }
        bench.ends().await;
    });
}

#[test]
fn credentials_that_are_wrong_are_an_error_that_says_so_and_does_not_show_them() {
    let turn = turn();
    crate::cell::run(async {
        let cluster = turn.as_ref().unwrap();
        let tasks = tasks();
        let wrong = settings()
            .cluster(cluster.urls())
            .user("nobody")
            .password("canary");
        let cache = cache_of(wrong);
        for call in [Call::Get, Call::Set, Call::Clear, Call::GetMany] {
            let outcome = call.run(&cache).await;
            outcome.fails_with(&[ErrorKind::Denied]);
            assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
        }
        ends_clean_on(cache, cluster.nodes(), tasks).await;
    });
}
