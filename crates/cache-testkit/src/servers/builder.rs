//! The settings of one test server, and its start.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::servers::certificates::Certificates;
use crate::servers::port::free_port;
use crate::servers::server::{Places, RedisServer};

/// How often to try with another port when somebody was quicker.
const ATTEMPTS: usize = 5;

/// The settings of a [`RedisServer`]: one plain node that keeps nothing on disk, unless it is told otherwise.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until start is called"]
pub struct RedisServerBuilder {
    lines: Vec<String>,
    users: Vec<String>,
    password: Option<String>,
    tls: Option<Tls>,
    sentinel: bool,
}

#[derive(Clone, Debug)]
struct Tls {
    host: String,
    asks_clients: bool,
    /// Files that several servers share, in the place of those for the host.
    files: Option<Certificates>,
}

impl RedisServerBuilder {
    /// Adds a line to the configuration: `maxmemory 4mb`. A later line counts.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Sets the password of the default user.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Adds a user: `app on >secret ~app:* +get +set`. The default user keeps all rights.
    pub fn user(mut self, rules: impl Into<String>) -> Self {
        self.users.push(rules.into());
        self
    }

    /// Sets how much memory the server may use and what it does then: `4mb`, `noeviction`. A single
    /// byte makes it full at once.
    pub fn max_memory(self, bytes: &str, policy: &str) -> Self {
        self.line(format!("maxmemory {bytes}"))
            .line(format!("maxmemory-policy {policy}"))
    }

    /// Serves TLS instead of plain TCP, with a certificate for `localhost`.
    pub fn tls(self) -> Self {
        self.tls_for("localhost")
    }

    /// Serves TLS with a certificate for another host name than the one that clients connect to.
    pub fn tls_for(mut self, host: impl Into<String>) -> Self {
        self.tls = Some(Tls {
            host: host.into(),
            asks_clients: false,
            files: None,
        });
        self
    }

    /// Serves TLS with files that other servers have too, and speaks it with them.
    pub(super) fn tls_among(self, files: &Certificates, asks_clients: bool) -> Self {
        let mut new = self.tls().line("tls-replication yes").line("tls-cluster yes");
        if let Some(tls) = &mut new.tls {
            tls.files = Some(files.clone());
            tls.asks_clients = asks_clients;
        }
        new
    }

    /// Serves TLS to those only that show a certificate.
    pub fn tls_with_client_certificates(self) -> Self {
        let mut new = self.tls();
        if let Some(tls) = &mut new.tls {
            tls.asks_clients = true;
        }
        new
    }

    /// Makes it a replica of another server, which must have no password. It is in step when the start returns.
    pub fn replica_of(self, primary: &RedisServer) -> Self {
        self.line(format!("replicaof 127.0.0.1 {}", primary.port()))
    }

    /// Allows the command `DEBUG` to the tests.
    pub fn debug_commands(self) -> Self {
        self.line("enable-debug-command yes")
    }

    pub(super) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// Panics if it does not within ten seconds, with the end of its log.
    #[track_caller]
    pub fn start(self) -> RedisServer {
        match self.try_start() {
            Ok(server) => server,
            Err(error) => panic!("{error}"),
        }
    }

    fn try_start(self) -> io::Result<RedisServer> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.start_on(free_port()) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    fn start_on(&self, port: u16) -> io::Result<RedisServer> {
        let folder = tempfile::Builder::new().prefix("cache-redis-").tempdir()?;
        let certificates = match &self.tls {
            Some(Tls {
                files: Some(files), ..
            }) => Some(files.clone()),
            Some(tls) => Some(Certificates::create(
                folder.path(),
                std::slice::from_ref(&tls.host),
            )?),
            None => None,
        };
        let config = self.config(folder.path(), port, certificates.as_ref());
        std::fs::write(folder.path().join("redis.conf"), config)?;
        RedisServer::launch(Places {
            folder,
            port,
            password: self.password.clone(),
            certificates,
            sentinel: self.sentinel,
        })
    }

    fn config(&self, folder: &Path, port: u16, certificates: Option<&Certificates>) -> String {
        let mut text = String::new();
        let at = folder.display();
        let plain = if certificates.is_some() { 0 } else { port };
        let _ = write!(
            text,
            "bind 127.0.0.1\nport {plain}\nprotected-mode no\ndaemonize no\nlogfile \"\"\n\
             dir {at}\nunixsocket {at}/socket\nunixsocketperm 700\n"
        );
        if !self.sentinel {
            // A replica starts to copy at once instead of waiting for others that could share the copy.
            text += "save \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n";
        }
        if let (Some(tls), Some(files)) = (&self.tls, certificates) {
            let asks = if tls.asks_clients { "yes" } else { "no" };
            let _ = write!(
                text,
                "tls-port {port}\ntls-auth-clients {asks}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n",
                files.server.display(),
                files.server_key.display(),
                files.ca.display()
            );
        }
        if let Some(password) = &self.password {
            let _ = writeln!(text, "requirepass {password}");
        }
        for user in &self.users {
            let _ = writeln!(text, "user {user}");
        }
        for line in &self.lines {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}
