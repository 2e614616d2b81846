//! A primary with a replica that sentinels watch.

use std::sync::OnceLock;

use crate::servers::reply::Reply;
use crate::servers::server::RedisServer;
use crate::servers::shared_tls::SharedTls;

const SENTINELS: usize = 3;

/// A primary, a replica, three sentinels. A primary that dies is replaced after about two seconds.
#[derive(Debug)]
pub struct RedisSentinel {
    nodes: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    _tls: SharedTls,
}

impl RedisSentinel {
    /// The name under which the sentinels know the primary.
    pub const SERVICE: &'static str = "main";

    /// Starts all of them and waits until the sentinels know each other and the replica.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(SharedTls::none())
    }

    /// Starts them with TLS, for clients and among each other. Their certificates are valid for these hosts; Sentinels name
    /// the primary by `127.0.0.1`.
    #[track_caller]
    pub fn start_with_tls(hosts: &[&str]) -> Self {
        Self::start_with(SharedTls::for_hosts(hosts))
    }

    /// Starts them with TLS, which they speak with those only who show a certificate.
    #[track_caller]
    pub fn start_with_client_certificates(hosts: &[&str]) -> Self {
        Self::start_with(SharedTls::for_hosts(hosts).asking_clients())
    }

    #[track_caller]
    fn start_with(tls: SharedTls) -> Self {
        let server = || tls.add_to(RedisServer::builder());
        let primary = server().start();
        let replica = server().replica_of(&primary).start();
        let sentinel = || {
            let name = Self::SERVICE;
            let sentinel = server()
                .sentinel()
                .line(format!("sentinel monitor {name} 127.0.0.1 {} 2", primary.port()))
                .line(format!("sentinel down-after-milliseconds {name} 500"))
                .line(format!("sentinel failover-timeout {name} 2000"))
                .start();
            // They find each other by what they publish every two seconds, and an old primary by what they ask every
            // ten, unless told. Versions before 7 do not know the command and take that long.
            sentinel.command(["SENTINEL", "DEBUG", "PUBLISH-PERIOD", "100", "INFO-PERIOD", "200"]);
            sentinel
        };
        let sentinels = (0..SENTINELS).map(|_| sentinel()).collect();
        let all = Self {
            nodes: vec![primary, replica],
            sentinels,
            _tls: tls,
        };
        all.wait_until_well();
        for sentinel in &all.sentinels {
            // A sentinel that hears of no failover for four periods makes a new primary a replica again.
            sentinel.command(["SENTINEL", "DEBUG", "PUBLISH-PERIOD", "500"]);
        }
        all
    }

    /// Returns one for all tests of a process that harm nobody: each takes a namespace of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RedisSentinel> = OnceLock::new();
        SHARED.get_or_init(|| {
            let all = Self::start();
            for sentinel in &all.sentinels {
                // No test of it kills the primary, so a slow moment of the machine must not look like that.
                sentinel.command([
                    "SENTINEL",
                    "SET",
                    Self::SERVICE,
                    "down-after-milliseconds",
                    "15000",
                ]);
            }
            all
        })
    }

    /// Returns the URLs of the sentinels.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(RedisServer::url).collect()
    }

    /// Returns the sentinels.
    pub fn sentinels(&self) -> &[RedisServer] {
        &self.sentinels
    }

    /// Returns the primary and the replica, in no order.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Returns the server that all sentinels take for the primary now, if they agree on one.
    pub fn agreed_primary(&self) -> Option<&RedisServer> {
        let mut ports = self.sentinels.iter().map(|sentinel| {
            let reply = sentinel.command(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::SERVICE]);
            reply.items()[1].text()
        });
        let port = ports.next()?;
        let agreed = ports.all(|other| other == port);
        self.nodes
            .iter()
            .find(|node| agreed && node.port().to_string() == port)
    }

    /// Returns the primary.
    #[track_caller]
    pub fn primary(&self) -> &RedisServer {
        self.agreed_primary().expect("the sentinels agree on a primary")
    }

    /// Returns the server that is not the primary.
    #[track_caller]
    pub fn replica(&self) -> &RedisServer {
        let primary = self.primary().port();
        let replica = self.nodes.iter().find(|node| node.port() != primary);
        replica.expect("there are two servers")
    }

    /// Kills the primary, waits until the replica has taken its place, and returns that.
    ///
    /// Before the old one is started again: it is empty, and a sentinel that has not noticed its death may still
    /// take it for the primary.
    #[track_caller]
    pub fn failover(&self) -> &RedisServer {
        let (old, new) = (self.primary(), self.replica());
        old.kill();
        self.wait_until_primary(new);
        new
    }

    /// Lets the sentinels make the replica the primary while both run, waits until the old primary is a replica, and
    /// returns the new one. In between both take writes, and those to the old one are lost.
    #[track_caller]
    pub fn switch(&self) -> &RedisServer {
        let (old, new) = (self.primary(), self.replica());
        // It is refused while the sentinel knows too little about the replica.
        self.sentinels[0].wait_until("it does not begin the failover", |sentinel| {
            let reply = sentinel.command(["SENTINEL", "FAILOVER", Self::SERVICE]);
            !matches!(reply, Reply::Error(_))
        });
        self.wait_until_primary(new);
        old.wait_until("it does not become a replica", |old| !old.is_primary());
        new
    }

    #[track_caller]
    fn wait_until_primary(&self, new: &RedisServer) {
        new.wait_until("it does not become the primary", |new| {
            let agreed = self
                .agreed_primary()
                .is_some_and(|agreed| agreed.port() == new.port());
            agreed && new.is_primary()
        });
    }

    /// Waits until each sentinel knows the others and a replica that is in step.
    #[track_caller]
    pub fn wait_until_well(&self) {
        for sentinel in &self.sentinels {
            sentinel.wait_until("it does not know all others", |sentinel| {
                let quorum = sentinel.command(["SENTINEL", "CKQUORUM", Self::SERVICE]);
                let primary = sentinel.command(["SENTINEL", "MASTER", Self::SERVICE]);
                field(&primary, "num-other-sentinels") == Some((SENTINELS - 1).to_string())
                    && field(&primary, "num-slaves").as_deref() == Some("1")
                    && !matches!(quorum, Reply::Error(_))
            });
        }
    }
}

/// Returns a value of an array of names and values.
fn field(reply: &Reply, name: &str) -> Option<String> {
    let pairs = reply.items().chunks(2);
    let mut pairs = pairs.filter(|pair| pair[0].text() == name);
    pairs.next().map(|pair| pair[1].text())
}
