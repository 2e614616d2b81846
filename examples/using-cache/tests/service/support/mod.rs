//! Runs the service as people do, as a process of its own on a free port, and speaks HTTP with it.

mod http;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use cache_testkit::servers::RedisServer;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

pub(crate) use self::http::{Response, call, call_with, get};

/// The longest that a test waits for anything: far more than it takes, so that only what never comes ends a wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running service. It is killed when the test ends, however it ends.
pub(crate) struct Service {
    child: Child,
    lines: Receiver<String>,
    /// What it said before it was ready.
    pub(crate) first_lines: Vec<String>,
    pub(crate) address: SocketAddr,
}

/// What is left of a service that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

/// Prepares a run in which nothing of the environment of the tests changes a setting.
pub(crate) fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_using-cache"));
    for (name, _) in std::env::vars_os() {
        if name == "RUST_LOG" || name == "NO_COLOR" || name.to_string_lossy().starts_with("CACHE_EXAMPLE_") {
            command.env_remove(name);
        }
    }
    command
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn on_a_free_port(flags: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = command(&[&["--listen", "127.0.0.1:0"], flags].concat());
    command.envs(variables.iter().copied());
    command
}

impl Service {
    /// Starts a service on a free port and waits until it says where it is.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, &[])
    }

    /// Starts a service with environment variables.
    pub(crate) fn start_with(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = on_a_free_port(flags, variables).spawn().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        Self::ready(child, lines)
    }

    /// Starts a service without traffic on a server, with budgets for a machine that does something else.
    pub(crate) fn start_on(server: &RedisServer, flags: &[&str]) -> Self {
        let budgets = ["READ_BUDGET", "WRITE_BUDGET", "CONNECT_TIMEOUT"];
        let names = budgets.map(|name| format!("CACHE_EXAMPLE__DEFAULTS__REDIS__{name}"));
        let variables = names.each_ref().map(|name| (name.as_str(), "10s"));
        let url = server.url();
        Self::start_with(
            &[&["--rate", "0", "--redis-url", &url], flags].concat(),
            &variables,
        )
    }

    /// Starts a service without waiting for anything. It has no address yet.
    pub(crate) fn spawn(flags: &[&str]) -> Self {
        let mut child = on_a_free_port(flags, &[]).spawn().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        Self::of(child, lines)
    }

    /// Starts a service whose standard output is a terminal.
    pub(crate) fn start_on_a_terminal(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let screen = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        // The program has the only other end: reading ends with it.
        let child = on_a_free_port(flags, variables).stdout(screen).spawn().unwrap();
        Self::ready(child, read_lines(File::from(terminal)))
    }

    fn of(child: Child, lines: Receiver<String>) -> Self {
        Self {
            child,
            lines,
            first_lines: Vec::new(),
            address: ([127, 0, 0, 1], 0).into(),
        }
    }

    fn ready(child: Child, lines: Receiver<String>) -> Self {
        let mut service = Self::of(child, lines);
        service.first_lines = service.lines_until("overview");
        let overview = service.first_lines.last().unwrap();
        service.address = overview
            .split("http://")
            .nth(1)
            .unwrap()
            .trim_end_matches('/')
            .parse()
            .unwrap();
        service
    }

    /// Returns the next line on standard output that holds the text.
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        self.lines_until(text).pop().unwrap()
    }

    /// Returns the next lines, up to one that holds the text.
    fn lines_until(&self, text: &str) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("no line with {text:?}: {error}"));
            let is_last = line.contains(text);
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        get(self.address, target)
    }

    /// Gets with a header more, which ends with a line break.
    pub(crate) fn get_with(&self, target: &str, header: &str) -> Response {
        call_with(self.address, "GET", target, header, "")
    }

    pub(crate) fn call(&self, method: &str, target: &str, body: &str) -> Response {
        call(self.address, method, target, body)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until the service has ended by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let status = wait(&mut self.child);
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        Ended {
            status,
            stdout: self.lines.iter().collect(),
            stderr,
        }
    }

    /// Stops the service and says how it ended.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It fails if the service has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a service that is to end by itself at once.
pub(crate) fn run(mut command: Command) -> Ended {
    let mut child = command.spawn().unwrap();
    let lines = read_lines(child.stdout.take().unwrap());
    Service::of(child, lines).wait()
}

fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < until, "the service does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads lines in a thread, so that waiting for one can have an end.
fn read_lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
