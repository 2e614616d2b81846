//! A write that its caller has given up does not arrive behind one that came later on the next connection.
//!
//! The peer is not a server: it has to stop reading without a word, and to tell what reached it.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use cache_core::Cache;
use cache_redis::RedisBackend;

/// More than a socket takes on its way.
const LEN: usize = 8 * 1024 * 1024;

/// Takes a connection and answers what a client says to begin with.
fn greeted(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 512]);
    while !said.ends_with(concat!(env!("CARGO_PKG_VERSION"), "\r\n").as_bytes()) {
        let read = stream.read(&mut buffer).unwrap();
        said.extend_from_slice(&buffer[..read]);
    }
    stream.write_all(b"+OK\r\n+OK\r\n").unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_when_the_next_connection_is_used_never_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (found, silent) = channel();
    thread::spawn(move || {
        found.send(greeted(&listener)).unwrap();
        loop {
            let mut next = greeted(&listener);
            thread::spawn(move || {
                while next.read(&mut [0; 512]).is_ok_and(|read| read > 0) && next.write_all(b":0\r\n").is_ok()
                {
                }
            });
        }
    });
    let backend = RedisBackend::builder()
        .port(port)
        .write_budget(Duration::from_millis(300))
        .connect_timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let value = "x".repeat(LEN);
    for _ in 0..3 {
        cache.set("key", value.clone()).await.unwrap_err();
    }
    let mut deleted = cache.delete("key").await;
    while deleted.is_err() {
        deleted = cache.delete("key").await;
    }
    assert!(!deleted.unwrap());
    let mut silent = silent.recv().unwrap();
    let mut came = Vec::new();
    let ended = silent.read_to_end(&mut came);
    assert!(came.len() < LEN, "all of it came");
    assert_eq!(
        ended.unwrap_err().kind(),
        ErrorKind::ConnectionReset,
        "what had been written came to its end"
    );
}
