//! One server: how it is built, harmed and asked.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cache_testkit::servers::{RedisServer, Reply};

/// Sends bytes to the TCP port and returns what comes first.
fn say(server: &RedisServer, bytes: &str) -> String {
    say_for(server, bytes, Duration::from_secs(10)).unwrap()
}

/// Sends bytes to the TCP port and checks that nothing comes within 300 ms, or that the connection ends.
fn say_in_vain(server: &RedisServer, bytes: &str) {
    let came = say_for(server, bytes, Duration::from_millis(300));
    assert!(came.as_deref().is_none_or(str::is_empty), "{came:?}");
}

fn say_for(server: &RedisServer, bytes: &str, limit: Duration) -> Option<String> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(limit)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut buffer = [0; 512];
    let len = stream.read(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
}

fn is_error(reply: &Reply, word: &str) -> bool {
    matches!(reply, Reply::Error(error) if error.starts_with(word))
}

#[test]
fn it_answers_on_its_port_and_on_its_socket() {
    let server = RedisServer::builder().start();
    assert_eq!(say(&server, "PING\r\n"), "+PONG\r\n");
    assert_eq!(server.command(["PING"]).text(), "PONG");
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
    assert_eq!(
        server.unix_url(),
        format!("redis+unix://{}", server.socket().display())
    );
}

#[test]
fn replies_of_every_kind_are_read() {
    let server = RedisServer::builder().start();
    assert_eq!(server.command(["GET", "key"]), Reply::Nil);
    assert_eq!(server.command(["SET", "key", "a\r\nb"]).text(), "OK");
    assert_eq!(server.command(["GET", "key"]).text(), "a\r\nb");
    assert_eq!(server.command(["STRLEN", "key"]).integer(), 4);
    assert_eq!(
        server.command(["MGET", "key", "none"]).items(),
        [Reply::Bytes(b"a\r\nb".into()), Reply::Nil]
    );
    assert!(is_error(&server.command(["NONSENSE"]), "ERR"));
}

#[test]
fn calls_are_counted_by_command() {
    let server = RedisServer::builder().start();
    server.command(["GET", "key"]);
    server.reset_calls();
    server.command(["GET", "key"]);
    server.command(["GET", "key"]);
    assert_eq!(server.calls().get("get"), Some(&2));
    assert_eq!(server.calls().get("set"), None);
}

#[test]
fn a_password_is_asked_of_others() {
    let server = RedisServer::builder().password("canary").start();
    assert!(say(&server, "GET key\r\n").starts_with("-NOAUTH"));
    assert_eq!(server.command(["GET", "key"]), Reply::Nil);
}

#[test]
fn users_have_the_rights_that_their_rules_give() {
    let server = RedisServer::builder()
        .user("app on >secret ~app:* +get +set")
        .start();
    let log_in = "AUTH app secret\r\n";
    assert_eq!(say(&server, log_in), "+OK\r\n");
    let denied = server
        .command(["ACL", "DRYRUN", "app", "GET", "other:key"])
        .text();
    assert!(denied.contains("no permissions"), "{denied}");
    assert_eq!(
        server.command(["ACL", "DRYRUN", "app", "GET", "app:key"]).text(),
        "OK"
    );
}

#[test]
fn tls_is_served_instead_of_plain_tcp() {
    let server = RedisServer::builder().tls().start();
    say_in_vain(&server, "PING\r\n");
    assert_eq!(server.url(), format!("rediss://localhost:{}", server.port()));
    for file in [&server.certificates().ca, &server.certificates().other_ca] {
        assert!(file.exists());
    }
}

#[test]
fn a_full_server_refuses_writes() {
    let server = RedisServer::builder().max_memory("1", "noeviction").start();
    assert!(is_error(&server.command(["SET", "key", "value"]), "OOM"));
    assert_eq!(server.command(["GET", "key"]), Reply::Nil);
}

#[test]
fn a_replica_is_in_step_when_it_has_started() {
    let primary = RedisServer::builder().start();
    primary.command(["SET", "key", "value"]);
    let replica = RedisServer::builder().replica_of(&primary).start();
    assert_eq!(replica.command(["GET", "key"]).text(), "value");
    assert!(is_error(&replica.command(["SET", "key", "other"]), "READONLY"));
}

#[test]
fn a_frozen_server_takes_connections_but_does_not_answer_until_it_is_thawed() {
    let server = RedisServer::builder().start();
    server.freeze();
    say_in_vain(&server, "PING\r\n");
    server.thaw();
    assert_eq!(say(&server, "PING\r\n"), "+PONG\r\n");
}

#[test]
fn a_killed_server_refuses_connections_and_comes_back_empty_on_the_same_port() {
    let server = RedisServer::builder().start();
    let (port, pid) = (server.port(), server.pid());
    server.command(["SET", "key", "value"]);
    server.kill();
    assert!(TcpStream::connect(server.address()).is_err());
    assert!(server.try_command(["PING"]).is_err());
    server.start();
    assert_eq!(server.command(["GET", "key"]), Reply::Nil);
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
}

#[test]
fn a_line_that_is_added_counts_from_the_next_start() {
    let server = RedisServer::builder().start();
    server.configure("maxmemory 3mb");
    server.restart();
    let reply = server.command(["CONFIG", "GET", "maxmemory"]);
    assert_eq!(reply.items()[1].text(), "3145728");
}

#[test]
fn a_server_that_loads_its_data_says_so() {
    let server = RedisServer::builder().start();
    server.command(["EVAL", "for i = 1, 2000 do redis.call('SET', i, i) end", "0"]);
    server.command(["SAVE"]);
    server.configure("key-load-delay 1000");
    server.configure("loading-process-events-interval-bytes 1024");
    server.kill();
    server.start_unready();
    server.wait_until("it never says that it loads", |server| {
        let reply = server.try_command(["GET", "1"]);
        reply.is_ok_and(|reply| is_error(&reply, "LOADING"))
    });
}

#[test]
fn a_command_whose_reply_is_not_awaited_keeps_the_server_busy() {
    let server = RedisServer::builder().debug_commands().start();
    let start = std::time::Instant::now();
    let busy = server.send(["DEBUG", "SLEEP", "0.3"]).unwrap();
    assert_eq!(busy.reply().unwrap().text(), "OK");
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
#[should_panic(expected = "no-such-directive")]
fn a_server_that_does_not_start_panics_with_the_end_of_its_log() {
    RedisServer::builder().line("no-such-directive 1").start();
}

/// The program is one of ours, which says that it was run and becomes the server.
#[test]
fn the_program_is_the_one_that_the_environment_names() {
    const MARK: &str = "CACHE_TEST_PROGRAM_MARK";
    const PROGRAM: &str = "CACHE_TEST_REDIS_SERVER";
    if std::env::var_os(MARK).is_some() {
        RedisServer::builder().start();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mark, script) = (folder.path().join("mark"), folder.path().join("script"));
    let program = std::env::var(PROGRAM).unwrap_or_else(|_| "redis-server".to_owned());
    let text = format!("#!/bin/sh\n: >\"${MARK}\"\nexec {program} \"$@\"\n");
    std::fs::write(&script, text).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, executable).unwrap();
    let name = "single::the_program_is_the_one_that_the_environment_names";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env(MARK, &mark)
        .env(PROGRAM, &script)
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
    assert!(mark.exists(), "another program was run");
}
