//! TLS files that the servers of one group share.

use tempfile::TempDir;

use crate::servers::builder::RedisServerBuilder;
use crate::servers::certificates::Certificates;

/// Files for a group of servers, or none. The folder goes with it.
#[derive(Debug)]
pub(super) struct SharedTls(Option<(TempDir, Certificates)>);

impl SharedTls {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Makes files that are valid for these hosts only.
    #[track_caller]
    pub(super) fn for_hosts(hosts: &[&str]) -> Self {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let folder = tempfile::Builder::new().prefix("cache-redis-").tempdir();
        let folder = folder.expect("a folder can be made");
        let files = Certificates::create(folder.path(), &hosts);
        let files = files.expect("certificates can be made");
        Self(Some((folder, files)))
    }

    /// Adds TLS to a server of the group.
    pub(super) fn add_to(&self, builder: RedisServerBuilder) -> RedisServerBuilder {
        match &self.0 {
            Some((_, files)) => builder.tls_among(files),
            None => builder,
        }
    }
}
