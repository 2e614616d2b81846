//! No server outlives the process that started it, however that ends.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cache_testkit::servers::RedisServer;

/// Set in a test process that is a child of this one: then it starts a server and waits to be ended.
const CHILD: &str = "CACHE_TEST_GUARD_CHILD";

/// What a child does. In a run of its own it is a test that does nothing.
#[test]
fn child_with_a_server() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let server = RedisServer::shared();
    if env::var_os(CHILD).is_some_and(|what| what == "killed") {
        println!("server {} {}", server.pid(), server.socket().display());
        server.kill();
        return;
    }
    println!("server {} {}", server.pid(), server.socket().display());
    thread::sleep(Duration::from_secs(30));
}

/// Starts a child and waits until its server runs. Returns the child, the id of the server and its folder.
fn start_child() -> (Child, u32, PathBuf) {
    start_child_with("1")
}

fn start_child_with(what: &str) -> (Child, u32, PathBuf) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["guard::child_with_a_server", "--exact", "--nocapture"])
        .env(CHILD, what)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.map(Result::unwrap);
    let line = lines
        .into_iter()
        .find_map(|line| Some(line.split_once("server ")?.1.to_owned()));
    let line = line.unwrap();
    let (pid, socket) = line.split_once(' ').unwrap();
    let folder = Path::new(socket).parent().unwrap().to_owned();
    (child, pid.parse().unwrap(), folder)
}

/// Says whether a process runs. One that has ended and that nobody asked for its status counts as ended.
fn runs(pid: u32) -> bool {
    let status = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    !status.trim().is_empty() && !status.trim().starts_with('Z')
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_ends_with_a_test_process_that_is_killed_and_its_folder_goes() {
    let (mut child, server, folder) = start_child();
    assert!(runs(server) && folder.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the server still runs", || !runs(server));
    wait_until("the folder is still there", || !folder.exists());
}

#[test]
fn a_server_ends_with_a_test_process_that_is_interrupted() {
    let (mut child, server, folder) = start_child();
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    child.wait().unwrap();
    wait_until("the server still runs", || !runs(server));
    wait_until("the folder is still there", || !folder.exists());
}

#[test]
fn a_frozen_server_ends_too() {
    let (mut child, server, _) = start_child();
    Command::new("kill")
        .args(["-STOP", &server.to_string()])
        .status()
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the server still runs", || !runs(server));
}

#[test]
fn a_server_that_is_dropped_is_gone_at_once_with_its_folder() {
    let server = RedisServer::builder().start();
    let (pid, socket) = (server.pid(), server.socket());
    drop(server);
    assert!(!runs(pid));
    assert!(!socket.parent().unwrap().exists());
}

#[test]
fn the_folder_of_a_server_that_was_killed_goes_with_the_test_process() {
    let (mut child, server, folder) = start_child_with("killed");
    child.wait().unwrap();
    assert!(!runs(server));
    wait_until("the folder is still there", || !folder.exists());
}
