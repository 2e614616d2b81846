//! Slots of a Cluster that move while it is cleared.

use std::time::Duration;

use cache_core::{Cache, ErrorKind, Namespace};
use cache_testkit::servers::{RedisCluster, RedisServer};

use crate::bench::{NAMESPACE, cache_of, ends_clean_on, settings, tasks};
use crate::call::value_of;

/// So many keys of others make the scan of a node take a while.
const FOREIGN: &str = "100000";

/// Two nodes of a Cluster: one is slow to scan, and a slot with keys of the cache can go from there to the other.
struct Scene {
    cluster: RedisCluster,
    cache: Cache,
    tag: String,
    slot: u16,
    to: u16,
    tasks: usize,
}

impl Scene {
    async fn new(clear_budget: Duration) -> Self {
        let cluster = tokio::task::block_in_place(RedisCluster::start);
        for node in cluster.nodes() {
            // No node dies here, and a machine that is slow for a moment must not look like that.
            node.command(["CONFIG", "SET", "cluster-node-timeout", "15000"]);
        }
        let long = Duration::from_secs(20);
        let settings = settings()
            .write_budget(long)
            .read_budget(long)
            .connect_timeout(long);
        let tasks = tasks();
        let cache = cache_of(settings.clear_budget(clear_budget).cluster(cluster.urls()));
        let home = |tag: &String| cluster.primary(cluster.slot(&stored(tag))).port();
        let tags = || (0..).map(|n| format!("{{{n}}}"));
        let tag = tags().next().unwrap();
        let slot = cluster.slot(&stored(&tag));
        let is_neighbour = |other: &String| home(other) == home(&tag) && *other != tag;
        let foreign = tags().find(is_neighbour).unwrap();
        let to = home(&tags().find(|other| home(other) != home(&tag)).unwrap());
        let fill = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', KEYS[1] .. i, '') end";
        let from = cluster.primary(slot);
        from.command(["EVAL", fill, "1", &foreign, FOREIGN]);
        for n in 0..50 {
            let key = format!("{tag}-{n}");
            cache.set(&key, value_of(&key)).await.unwrap();
        }
        Self {
            cluster,
            cache,
            tag,
            slot,
            to,
            tasks,
        }
    }

    fn node(&self, port: u16) -> &RedisServer {
        let nodes = self.cluster.nodes().iter();
        nodes.into_iter().find(|node| node.port() == port).unwrap()
    }

    /// Begins to clear, and returns when the scan of the node that the slot goes to is over.
    fn begin(&self) -> tokio::task::JoinHandle<cache_core::Result<()>> {
        let to = self.node(self.to);
        to.reset_calls();
        let cache = self.cache.clone();
        let clear = tokio::spawn(async move { cache.clear().await });
        tokio::task::block_in_place(|| {
            to.wait_until("it is not scanned", |to| to.calls().contains_key("scan"));
        });
        clear
    }

    async fn ends(self) {
        ends_clean_on(self.cache, self.cluster.nodes(), self.tasks).await;
    }

    /// Returns how many keys of the cache there are.
    fn left(&self) -> usize {
        let pattern = stored(&format!("{}*", self.tag.replace('{', "[{]")));
        let of = |node: &&RedisServer| node.command(["KEYS", &pattern]).items().len();
        self.cluster.primaries().iter().map(of).sum()
    }
}

fn stored(key: &str) -> String {
    format!("{}{key}", Namespace::new(NAMESPACE).unwrap().prefix())
}

#[test]
fn keys_of_a_slot_that_moves_behind_the_scan_are_removed() {
    crate::cell::run(async {
        let scene = Scene::new(Duration::from_secs(20)).await;
        assert_eq!(scene.left(), 50);
        let clear = scene.begin();
        tokio::task::block_in_place(|| scene.cluster.move_slot(scene.slot, scene.node(scene.to)));
        assert!(!clear.is_finished(), "the slot moved too late for this test");
        clear.await.unwrap().unwrap();
        assert_eq!(scene.left(), 0);
        scene.ends().await;
    });
}

/// The slot belongs to the old node still, but its keys are at the new one.
#[test]
fn keys_that_move_behind_the_scan_before_their_slot_does_are_removed() {
    crate::cell::run(async {
        let scene = Scene::new(Duration::from_secs(20)).await;
        let (slot, to) = (scene.slot, scene.node(scene.to));
        scene.cluster.begin_move(slot, to);
        let clear = scene.begin();
        tokio::task::block_in_place(|| scene.cluster.move_keys(slot, to));
        assert!(!clear.is_finished(), "the keys moved too late for this test");
        clear.await.unwrap().unwrap();
        assert_eq!(scene.left(), 0);
        scene.ends().await;
    });
}

/// One slot after the other begins to move.
#[test]
fn a_clear_says_so_if_slots_never_rest() {
    crate::cell::run(async {
        let scene = Scene::new(Duration::from_secs(1)).await;
        let (from, to) = (scene.cluster.primary(scene.slot), scene.node(scene.to));
        let to = to.command(["CLUSTER", "MYID"]).text();
        let clear = scene.begin();
        let node = usize::from(scene.slot);
        let laps = [vec!["MIGRATING", &to], vec!["STABLE"]].into_iter().cycle();
        let steps = laps.flat_map(|state| (0..1_000).map(move |n| (node - n, state.clone())));
        tokio::task::block_in_place(|| {
            for (slot, state) in steps.take_while(|_| !clear.is_finished()) {
                let slot = slot.to_string();
                // It is refused for a slot that the node does not have.
                from.command(["CLUSTER", "SETSLOT", &slot].into_iter().chain(state));
            }
        });
        let error = clear.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("moving"), "{error}");
        scene.ends().await;
    });
}
