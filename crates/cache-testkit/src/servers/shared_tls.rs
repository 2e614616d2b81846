//! TLS files that the servers of one group share.

use tempfile::TempDir;

use crate::servers::builder::RedisServerBuilder;
use crate::servers::certificates::Certificates;

/// Files for a group of servers, or none. The folder goes with it.
#[derive(Debug)]
pub(super) struct SharedTls {
    files: Option<(TempDir, Certificates)>,
    asks_clients: bool,
}

impl SharedTls {
    pub(super) fn none() -> Self {
        Self {
            files: None,
            asks_clients: false,
        }
    }

    /// Makes files that are valid for these hosts only.
    #[track_caller]
    pub(super) fn for_hosts(hosts: &[&str]) -> Self {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let folder = tempfile::Builder::new().prefix("cache-redis-").tempdir();
        let folder = folder.expect("a folder can be made");
        let files = Certificates::create(folder.path(), &hosts);
        let files = files.expect("certificates can be made");
        Self {
            files: Some((folder, files)),
            asks_clients: false,
        }
    }

    /// Lets those in only that show a certificate, as the servers do among each other.
    pub(super) fn asking_clients(mut self) -> Self {
        self.asks_clients = true;
        self
    }

    /// Adds TLS to a server of the group.
    pub(super) fn add_to(&self, builder: RedisServerBuilder) -> RedisServerBuilder {
        match &self.files {
            Some((_, files)) => builder.tls_among(files, self.asks_clients),
            None => builder,
        }
    }
}
