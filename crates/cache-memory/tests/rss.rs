//! The memory of the process follows the limit of the cache under a flood of writes. It is alone in its program, so
//! that the memory of other tests is not counted.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use cache_core::Cache;
use cache_memory::MemoryBackend;

const MIB: u64 = 1024 * 1024;
const LIMIT: u64 = 1_000;
const VALUE: usize = 4 * 1024;
/// 640 MiB are written, of which 4 MiB may stay.
const WRITES: usize = 8 * 20_000;
/// Room for as many entries again as the limit allows to be exceeded by, for what reclamation lags behind, and for the
/// allocator.
const ROOM: u64 = 64 * MIB;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn memory_follows_the_limit_under_a_flood() {
    let backend = MemoryBackend::builder().max_items(LIMIT).build().unwrap();
    let cache = Cache::builder(backend).build().unwrap();
    let before = resident();
    let most = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let cache = cache.clone();
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let mut most = 0;
                    for n in 0..WRITES / 8 {
                        let key = format!("{writer}-{n}");
                        runtime
                            .block_on(async { cache.set(&key, vec![1_u8; VALUE]).await })
                            .unwrap();
                        if n.is_multiple_of(500) {
                            most = most.max(resident());
                        }
                    }
                    most
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .max()
            .unwrap()
    });
    let grown = most.saturating_sub(before);
    assert!(
        grown < ROOM,
        "{} MiB more at most, with a limit of {LIMIT} values of {VALUE} bytes",
        grown / MIB
    );
}
