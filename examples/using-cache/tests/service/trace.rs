//! Replaying a recorded trace: the ids of the traffic are those of the file, over and over.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Service};

/// Ids without a product, so that nothing but the replay can have brought them into the cache.
const IDS: [u64; 3] = [900_001, 900_002, u64::MAX];

fn cached(service: &Service, id: u64) -> bool {
    service.get(&format!("/products/{id}")).header("x-cache") == Some("hit")
}

#[test]
fn a_trace_is_replayed_over_and_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.trace");
    fs::write(&path, IDS.map(u64::to_be_bytes).concat()).unwrap();
    let flags = [
        "--trace",
        path.to_str().unwrap(),
        "--trace-format",
        "i64",
        "--rate",
        "200",
        "--max-items",
        "0",
    ];
    let service = Service::start(&flags);
    service.wait_for_line("replaying 3 accesses of small.trace");
    let until = Instant::now() + PATIENCE;
    // More hits than the trace has accesses: it was begun again.
    while service.get("/").json()["caches"][0]["hits"].as_u64() < Some(50) {
        assert!(Instant::now() < until, "the trace is not replayed");
        thread::sleep(Duration::from_millis(50));
    }
    for id in IDS {
        let until = Instant::now() + PATIENCE;
        // The generator deletes from the cache now and then, and asks again soon after.
        while !cached(&service, id) {
            assert!(Instant::now() < until, "{id} is not replayed");
        }
    }
    assert_eq!(service.stop().status.code(), Some(0));
}
