//! Clearing a Cluster. Its masters are scanned one by one, since a scan that goes where the client library sends it sees one
//! of them, and again if slots have moved: a key that goes from a node whose scan has not come to it to one whose scan is
//! over is seen by neither.

use deadpool_redis::redis::cluster_routing::SingleNodeRoutingInfo;
use deadpool_redis::redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::backend::RedisBackend;
use crate::clear::{found, removal};
use crate::clear_failure::Failed;
use crate::cluster::ClusterConnection;
use crate::command;
use crate::link::within;
use crate::nodes::{self, Node};
use crate::reply::removed;

/// A master, and which slots it says that it has: those that it gives away or takes in at the time are marked. Nothing is
/// known of one that does not answer.
#[derive(PartialEq, Eq)]
struct Master {
    node: Node,
    slots: Option<String>,
}

/// What a pass over the masters has shown.
enum Pass {
    /// All keys were seen.
    Whole,
    /// Slots have moved meanwhile.
    Moved,
    /// Of some masters it is not known whether slots have moved.
    Unsure,
}

type Outcome<T> = std::result::Result<T, Failed>;

impl RedisBackend {
    /// Goes over all masters until no slot has moved meanwhile.
    pub(crate) async fn clear_cluster(
        &self,
        cluster: &mut ClusterConnection,
        deadline: Instant,
    ) -> Outcome<()> {
        let mut restless = false;
        loop {
            match timeout_at(deadline, self.clear_once(cluster, deadline)).await {
                Ok(Ok(Pass::Whole)) => return Ok(()),
                Ok(Ok(Pass::Moved)) => restless = true,
                Ok(Ok(Pass::Unsure)) => {}
                Ok(Err(failed)) if restless && Instant::now() >= deadline && failed.is_timeout() => {
                    return Err(Failed::Restless);
                }
                Ok(Err(failed)) => return Err(failed),
                Err(_) if restless => return Err(Failed::Restless),
                Err(_) => return Err(Failed::from_timeout()),
            }
        }
    }

    /// Clears all masters and says whether that must have been all keys.
    async fn clear_once(&self, cluster: &mut ClusterConnection, deadline: Instant) -> Outcome<Pass> {
        let before = self.masters(cluster, deadline).await?;
        self.clear_masters(cluster, &before, deadline).await?;
        if self.check_open().is_err() {
            return Ok(Pass::Whole);
        }
        let pass = compare(&before, &self.masters(cluster, deadline).await?);
        if !matches!(pass, Pass::Whole) || !before.iter().any(Master::is_moving_slots) {
            return Ok(pass);
        }
        // A key of a slot that is moving may have moved between the scans of the two nodes. It moves once, so it has been
        // at one of them for all of this scan or of the one before.
        self.clear_masters(cluster, &before, deadline).await?;
        Ok(compare(&before, &self.masters(cluster, deadline).await?))
    }

    async fn clear_masters(
        &self,
        cluster: &ClusterConnection,
        masters: &[Master],
        deadline: Instant,
    ) -> Outcome<()> {
        // Each has the deadline for itself, so that the error names those that did not keep it.
        let cleared = masters.iter().map(|master| {
            let left = deadline.saturating_duration_since(Instant::now());
            within(left, self.clear_master(cluster.clone(), master))
        });
        // One that fails does not spare the others.
        let cleared = join_all(cleared).await;
        let cleared = masters.iter().zip(cleared);
        let mut failed =
            cleared.filter_map(|(master, cleared)| Some((master.node.address(), cleared.err()?)));
        let Some((first, cause)) = failed.next() else {
            return Ok(());
        };
        let nodes = [first].into_iter().chain(failed.map(|(node, _)| node));
        Err(Failed::Nodes(nodes.collect(), cause))
    }

    /// Asks a node who the masters are, and each of them for its slots. To send something to all of them would leave out,
    /// without a word, those that there is no connection to.
    async fn masters(&self, cluster: &ClusterConnection, deadline: Instant) -> RedisResult<Vec<Master>> {
        // One that does not answer must leave time for the others, and for its own scan to fail, which names it.
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = self.budgets.write.min(left / 4);
        let asked = nodes::masters(cluster, limit)
            .await?
            .into_iter()
            .map(|node| async move {
                let slots = match nodes::send(cluster, command::cluster_nodes(), node.route(), limit).await {
                    Ok(nodes) => own_slots(&String::from_redis_value(nodes)?),
                    Err(cause) if cause.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
                        return Err(cause);
                    }
                    // The scan of it will fail too, and names it.
                    Err(_) => None,
                };
                Ok(Master { node, slots })
            });
        join_all(asked).await.into_iter().collect()
    }

    async fn clear_master(&self, cluster: ClusterConnection, master: &Master) -> RedisResult<()> {
        let mut cursor = 0;
        loop {
            let prefix = self.form.namespace.prefix();
            let scan = command::scan(cursor, prefix);
            let page = nodes::send(&cluster, scan, master.node.route(), self.budgets.write).await?;
            let (next, keys) = found(page, prefix)?;
            if !keys.is_empty() {
                self.remove(&cluster, keys, master.node.route()).await?;
            }
            if next == 0 || self.check_open().is_err() {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Removes keys that were found on a node.
    async fn remove(
        &self,
        cluster: &ClusterConnection,
        keys: Vec<Vec<u8>>,
        node: SingleNodeRoutingInfo,
    ) -> RedisResult<()> {
        let limit = self.budgets.write;
        let mut cluster = cluster.clone();
        let removal = removal(keys.iter().cloned()).routed();
        let sent = cluster.route_pipeline(removal, keys.len(), node);
        let replies = within(limit, sent).await;
        match replies.and_then(|replies| replies.into_iter().try_for_each(removed)) {
            // The slot of a key is on its way to this node or from it; the client library asks the right one.
            Err(cause) if is_redirect(&cause) => {
                for key in keys {
                    let removal = command::unlink_found(key).routed();
                    let sent = cluster.send(&removal);
                    removed(within(limit, sent).await?)?;
                }
                Ok(())
            }
            ended => ended,
        }
    }
}

impl Master {
    /// Says whether it gives slots away or takes some in, which it shows in brackets.
    fn is_moving_slots(&self) -> bool {
        self.slots.as_deref().is_some_and(|slots| slots.contains('['))
    }
}

/// Compares the masters before a pass with those after it, in their order. One that says nothing of its slots at either time
/// has none to tell of; one that did so once was too slow.
fn compare(before: &[Master], after: &[Master]) -> Pass {
    if before == after {
        return Pass::Whole;
    }
    let differ = |(before, after): (&Master, &Master)| {
        let (slots, later) = (&before.slots, &after.slots);
        before.node != after.node || slots.is_some() && later.is_some() && slots != later
    };
    if before.len() != after.len() || before.iter().zip(after).any(differ) {
        Pass::Moved
    } else {
        Pass::Unsure
    }
}

/// Finds what a node says of itself in its `CLUSTER NODES`: its slots come after eight other words.
fn own_slots(nodes: &str) -> Option<String> {
    let own = nodes.lines().find(|line| line.contains("myself"))?;
    Some(own.split(' ').skip(8).collect::<Vec<_>>().join(" "))
}

fn is_redirect(cause: &RedisError) -> bool {
    matches!(
        cause.kind(),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_a_node_are_those_of_its_own_line() {
        let nodes = "aa 127.0.0.1:1@2 master - 0 0 1 connected 0-5460\n\
                     bb 127.0.0.1:3@4 myself,master - 0 0 2 connected 5461-10922 [93->-aa]\n";
        assert_eq!(own_slots(nodes).unwrap(), "5461-10922 [93->-aa]");
    }

    fn masters(slots: [Option<&str>; 2]) -> Vec<Master> {
        let (mut all, ports) = (Vec::new(), [1, 2]);
        for (port, slots) in ports.into_iter().zip(slots) {
            let node = Node::new("127.0.0.1", port);
            let slots = slots.map(str::to_owned);
            all.push(Master { node, slots });
        }
        all
    }

    #[test]
    fn slots_have_moved_only_where_two_answers_differ() {
        let before = masters([Some("0-9"), Some("10-19")]);
        let pass = |after| compare(&before, &masters(after));
        assert!(matches!(pass([Some("0-9"), Some("10-19")]), Pass::Whole));
        assert!(matches!(pass([Some("0-8"), Some("9-19")]), Pass::Moved));
        assert!(matches!(pass([Some("0-9"), None]), Pass::Unsure));
        assert!(matches!(pass([Some("0-8"), None]), Pass::Moved));
        assert!(matches!(compare(&before, &before[..1]), Pass::Moved));
        let silent = masters([Some("0-9"), None]);
        assert!(matches!(compare(&silent, &silent), Pass::Whole));
    }
}
