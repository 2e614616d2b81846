//! A write that its caller has given up does not arrive behind one that came later on the next connection.
//!
//! The peer is not a server: it has to stop reading without a word, and to tell what reached it.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use cache_core::Cache;
use cache_redis::{RedisBackend, RedisBuilder};

use crate::peer::{slots, string};
use crate::support::{greeted, patient};

/// More than a socket takes on its way.
const LEN: usize = 8 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_when_the_next_connection_is_used_never_is() {
    not_sent_later(|port| RedisBackend::builder().port(port)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_it_on_a_cluster() {
    not_sent_later(|port| RedisBackend::builder().cluster([format!("127.0.0.1:{port}")])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_when_a_clear_begins_never_is() {
    not_sent_after_a_clear(|port| RedisBackend::builder().port(port)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_it_where_a_cluster_is_cleared() {
    not_sent_after_a_clear(|port| RedisBackend::builder().cluster([format!("127.0.0.1:{port}")])).await;
}

async fn not_sent_later(builder: impl Fn(u16) -> RedisBuilder) {
    let silent = Silent::start();
    let cache = silent.cache(builder);
    let value = "x".repeat(LEN);
    // Somebody else still waits on the connection when it is given up.
    let (other, small) = (cache.clone(), "x".to_owned());
    let waiting = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        for _ in 0..2 {
            other.set("other", small.clone()).await.unwrap_err();
        }
    });
    for _ in 0..2 {
        cache.set("key", value.clone()).await.unwrap_err();
    }
    let mut deleted = cache.delete("key").await;
    while deleted.is_err() {
        deleted = cache.delete("key").await;
    }
    assert!(!deleted.unwrap());
    silent.was_cut_off();
    waiting.abort();
}

/// A clear has a connection of its own, and one write that had no answer is no reason to replace that of the writes.
async fn not_sent_after_a_clear(builder: impl Fn(u16) -> RedisBuilder) {
    let silent = Silent::start();
    let cache = silent.cache(builder);
    cache.set("key", "x".repeat(LEN)).await.unwrap_err();
    cache.clear().await.unwrap();
    silent.was_cut_off();
}

/// A peer with nothing in it that stops reading when it is sent a value.
struct Silent {
    port: u16,
    found: Receiver<TcpStream>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, found) = channel();
        thread::spawn(move || {
            loop {
                let (mut next, tell) = (greeted(&listener), tell.clone());
                thread::spawn(move || {
                    let mut buffer = [0; 512];
                    while let Ok(read @ 1..) = next.read(&mut buffer) {
                        let request = String::from_utf8_lossy(&buffer[..read]).to_uppercase();
                        let reply = match request.split("\r\n").nth(2) {
                            Some("SET") => return tell.send(next).unwrap(),
                            Some("GET") => "$-1\r\n".to_owned(),
                            Some("SCAN") => "*2\r\n$1\r\n0\r\n*0\r\n".to_owned(),
                            Some("CLUSTER") if request.contains("NODES") => string(""),
                            Some("CLUSTER") => slots(port),
                            _ => ":0\r\n".to_owned(),
                        };
                        if next.write_all(reply.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, found }
    }

    /// Makes a cache that uses it, and waits longer for anything else than for a write.
    fn cache(&self, builder: impl Fn(u16) -> RedisBuilder) -> Cache {
        let backend = builder(self.port)
            .read_budget(Duration::from_secs(20))
            .write_budget(Duration::from_millis(300))
            .connect_timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Cache::builder(backend).build().unwrap()
    }

    /// Reads on where it stopped: the rest of the value never comes.
    fn was_cut_off(self) {
        let mut silent = self.found.recv().unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut came = Vec::new();
        let ended = silent.read_to_end(&mut came);
        assert!(came.len() < LEN, "all of it came");
        assert_eq!(
            ended.unwrap_err().kind(),
            ErrorKind::ConnectionReset,
            "what had been written came to its end"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_loaded_and_could_not_be_stored_in_time_is_given_and_never_stored_later() {
    let silent = Silent::start();
    let cache = silent.cache(|port| RedisBackend::builder().port(port));
    let value = "x".repeat(LEN);
    for _ in 0..3 {
        let value = value.clone();
        let load = || async move { Ok::<_, std::io::Error>(value) };
        assert_eq!(cache.get_or_load("key", load).await.unwrap().len(), LEN);
    }
    assert_eq!(cache.loads_in_flight(), 0);
    let mut deleted = cache.delete("key").await;
    while deleted.is_err() {
        deleted = cache.delete("key").await;
    }
    assert!(!deleted.unwrap());
    silent.was_cut_off();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_that_was_given_up_removes_nothing_later() {
    removes_nothing_later(|port| patient().port(port)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_cluster_removes_nothing_later_either() {
    removes_nothing_later(|port| patient().cluster([format!("127.0.0.1:{port}")])).await;
}

/// The clear has found keys and is about to remove them. Whoever gave it up may set them again.
async fn removes_nothing_later(builder: impl Fn(u16) -> RedisBuilder) {
    /// So many keys of so many bytes are more than a socket takes on its way.
    const KEYS: usize = 1_000;
    const KEY: usize = LEN / KEYS;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (found, scanned) = channel();
    let (go_on, given_up) = channel::<()>();
    let peer = thread::spawn(move || {
        let mut stream = greeted(&listener);
        let (mut said, mut buffer) = (Vec::new(), [0; 512]);
        while !said.ends_with(b"$4\r\n1000\r\n") {
            let read = stream.read(&mut buffer).unwrap();
            said.extend_from_slice(&buffer[..read]);
            // What a Cluster is asked before.
            for (asked, reply) in [
                ("PING\r\n", "+PONG\r\n".to_owned()),
                ("SLOTS\r\n", slots(port)),
                ("NODES\r\n", string("")),
            ] {
                if said.ends_with(asked.as_bytes()) {
                    stream.write_all(reply.as_bytes()).unwrap();
                    said.clear();
                }
            }
        }
        let mut page = format!("*2\r\n$1\r\n0\r\n*{KEYS}\r\n");
        let key = format!("{:k<KEY$}", "ours:");
        page += &format!("${KEY}\r\n{key}\r\n").repeat(KEYS);
        stream.write_all(page.as_bytes()).unwrap();
        // Some of the removal has come, and the rest waits.
        stream.read_exact(&mut buffer).unwrap();
        found.send(()).unwrap();
        given_up.recv().unwrap();
        let mut came = Vec::new();
        (stream.read_to_end(&mut came), came.len())
    });
    let backend = builder(port).namespace("ours").build().unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let clearing = cache.clone();
    let clear = tokio::spawn(async move { clearing.clear().await });
    tokio::task::block_in_place(|| scanned.recv().unwrap());
    let open = || cache.stats().connections.unwrap().open;
    assert_eq!(open(), 1);
    clear.abort();
    assert!(clear.await.unwrap_err().is_cancelled());
    assert_eq!(open(), 0);
    go_on.send(()).unwrap();
    let (ended, came) = peer.join().unwrap();
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(came < LEN, "all of it came");
}
