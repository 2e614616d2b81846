//! The settings that say where the server is and who asks.

use std::path::PathBuf;

use crate::config::RedisBuilder;
use crate::secret::Secret;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// Where the server is, and who asks. Without a word it is `127.0.0.1:6379`, without TLS, user or password.
impl RedisBuilder {
    /// Sets where the server is by a URL: `redis://user:password@host:6379/0`, `unix:///path?db=0`, with the feature
    /// `tls` also `rediss://`. `?protocol=resp3` is as [`resp3`](Self::resp3). What [`user`](Self::user),
    /// [`password`](Self::password) and [`db`](Self::db) say counts before what stands in the URL.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(Secret::new(url));
        self
    }

    /// Sets the host, `127.0.0.1` unless it is told.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Sets the port, 6379 unless it is told.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets the path of the server's unix socket, for a server on this machine.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix_socket = Some(path.into());
        self
    }

    /// Sets some nodes of a Cluster, each as `host:port` or a URL. They name the others, which must be reachable by the
    /// names that they give.
    #[cfg(feature = "cluster")]
    pub fn cluster(mut self, nodes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.cluster = Some(nodes.into_iter().map(Secret::new).collect());
        self
    }

    /// Sets the Sentinels, each as `host:port`, and the name of the master that they watch. Connections go to
    /// whichever server is the master at the time.
    #[cfg(feature = "sentinel")]
    pub fn sentinel(
        mut self,
        master: impl Into<String>,
        nodes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.sentinel = Some((master.into(), nodes.into_iter().map(Secret::new).collect()));
        self
    }

    /// Sets user and password for the Sentinels themselves, if they ask for one. An empty user is none.
    #[cfg(feature = "sentinel")]
    pub fn sentinel_credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.sentinel_user = Some(user.into()).filter(|user| !user.is_empty());
        self.sentinel_password = Some(Secret::new(password));
        self
    }

    /// Secures the connections. A `rediss://` URL does so too, with [`Tls::new`].
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the user, for servers with an access control list. `docs/redis.md` lists the rights that it needs.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets the password.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Secret::new(password));
        self
    }

    /// Sets the number of the database, 0 unless it is told. A Cluster has only that.
    pub fn db(mut self, db: i64) -> Self {
        self.db = Some(db);
        self
    }

    /// Says whether RESP3 is spoken, which servers do from version 6 on. RESP2 unless it is told; the cache does the
    /// same with both.
    pub fn resp3(mut self, resp3: bool) -> Self {
        self.resp3 = resp3;
        self
    }
}
