//! One running server: what tests do to it and ask it.

use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::servers::builder::RedisServerBuilder;
use crate::servers::certificates::Certificates;
use crate::servers::process::Process;
use crate::servers::reply::Reply;

/// How long servers may take to get where a test waits for them.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stays when the process behind a server is another.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) folder: TempDir,
    pub(super) port: u16,
    pub(super) password: Option<String>,
    pub(super) certificates: Option<Certificates>,
    pub(super) sentinel: bool,
}

/// A Redis server. Dropping it kills the process and removes its folder.
///
/// Tests look at it by a unix socket, as the default user, past any proxy.
#[derive(Debug)]
pub struct RedisServer {
    /// It is dropped first: a server that runs would write into its folder.
    process: Mutex<Option<Process>>,
    places: Places,
}

impl RedisServer {
    /// Starts to describe a server.
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder::default()
    }

    /// Returns a plain server for all tests of a process that harm nobody: each takes a namespace of its own. It is
    /// started by the first and ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RedisServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::builder().start())
    }

    pub(super) fn launch(places: Places) -> io::Result<Self> {
        let server = Self {
            places,
            process: Mutex::new(None),
        };
        server.try_run()?;
        Ok(server)
    }

    /// Returns where clients connect, with TLS or without.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.places.port).into()
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.places.port
    }

    /// Returns the path of the unix socket.
    pub fn socket(&self) -> PathBuf {
        self.places.folder.path().join("socket")
    }

    /// Returns the URL of the TCP port, without a user: `redis://127.0.0.1:12345`, or `rediss://localhost:12345`.
    pub fn url(&self) -> String {
        match self.places.certificates {
            Some(_) => format!("rediss://localhost:{}", self.port()),
            None => format!("redis://127.0.0.1:{}", self.port()),
        }
    }

    /// Returns the URL of the unix socket, without a user.
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Returns the certificates of a server with TLS.
    pub fn certificates(&self) -> &Certificates {
        let certificates = self.places.certificates.as_ref();
        certificates.expect("only a server that was built with tls has certificates")
    }

    pub(super) fn admin_password(&self) -> Option<&str> {
        self.places.password.as_deref()
    }

    /// Returns the id of the process. Panics if it was killed.
    pub fn pid(&self) -> u32 {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let process = process.as_ref().filter(|process| !process.is_killed());
        process.expect("the server runs").pid()
    }

    /// Stops the process (`SIGSTOP`): connections stay, nothing answers.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen process go on (`SIGCONT`).
    #[track_caller]
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills the process (`SIGKILL`) and waits until it is gone. Connections break, new ones are refused.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = process.as_mut() {
            process.kill();
        }
    }

    /// Starts the process again if it was killed, on the same port. It has forgotten everything that it was not told
    /// to save.
    #[track_caller]
    pub fn start(&self) {
        if let Err(error) = self.try_run() {
            panic!("{error}");
        }
    }

    /// Starts the process again if it was killed and does not wait until it answers.
    #[track_caller]
    pub fn start_unready(&self) {
        if let Err(error) = self.spawn() {
            panic!("{}", self.failure(&error.to_string()));
        }
    }

    /// Kills the process and starts it again on the same port.
    #[track_caller]
    pub fn restart(&self) {
        self.kill();
        self.start();
    }

    /// Adds a line to the configuration, for the next start.
    pub fn configure(&self, line: &str) {
        let file = self.places.folder.path().join("redis.conf");
        let file = OpenOptions::new().append(true).open(file);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        written.expect("the configuration can be written");
    }

    /// Waits until a condition holds, and panics with `what` and the end of the log if it does not within ten seconds.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "{}", self.failure(what));
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn signal(&self, signal: Signal) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let process = process.as_ref().filter(|process| !process.is_killed());
        let sent = process.expect("the server runs").signal(signal);
        sent.expect("the server takes a signal");
    }

    fn spawn(&self) -> io::Result<()> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if process.as_ref().is_none_or(Process::is_killed) {
            // The guard of the one that was killed has to go first: it would take the folder along.
            *process = None;
            let folder = self.places.folder.path();
            let program = env::var_os("CACHE_TEST_REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
            let mut arguments: Vec<OsString> = vec![folder.join("redis.conf").into()];
            if self.places.sentinel {
                arguments.push("--sentinel".into());
            }
            *process = Some(Process::spawn(&program, &arguments, folder)?);
        }
        Ok(())
    }

    /// Starts the process and waits until it answers, and is in step if it is a replica.
    fn try_run(&self) -> io::Result<()> {
        self.spawn()?;
        let start = Instant::now();
        loop {
            match self.try_command(["PING"]) {
                Ok(Reply::Bytes(pong)) if pong == b"PONG" && self.is_in_step() => return Ok(()),
                _ => {}
            }
            let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = process.as_ref().is_none_or(Process::has_ended);
            drop(process);
            if ended && self.log().contains("Address already in use") {
                let message = self.failure("its port is taken");
                return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
            }
            if ended || start.elapsed() > PATIENCE {
                return Err(io::Error::other(self.failure("it did not start")));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn is_in_step(&self) -> bool {
        let link = self.info("replication").remove("master_link_status");
        link.is_none_or(|status| status == "up")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.places.folder.path().join("log")).unwrap_or_default()
    }

    /// Says what is wrong, with the end of the log.
    pub(super) fn failure(&self, what: &str) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(12)..].join("\n");
        format!(
            "the Redis server on port {}: {what}. Its log ends with:\n{end}",
            self.port()
        )
    }

    /// Says whether the process was started and not killed.
    pub fn is_running(&self) -> bool {
        self.process
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|process| !process.is_killed())
    }
}
