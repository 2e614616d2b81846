//! A server that is there and does not answer.

use std::time::Duration;

use cache_core::ErrorKind;
use tokio::time::{Instant, sleep_until};

use crate::bench::Bench;
use crate::call::Column;

row!(a_server_that_is_frozen, frozen);
row!(a_server_that_pauses_all_clients, paused);
row!(a_server_that_pauses_writes, writes_paused);

const LATE: [ErrorKind; 2] = [ErrorKind::Timeout, ErrorKind::Unavailable];

async fn frozen(column: Column) {
    for call in column.calls() {
        let bench = Bench::new().await;
        bench.server.freeze();
        bench.is_late(*call).await;
        bench.server.thaw();
        bench.recovers().await;
        bench.ends_clean().await;
    }
}

async fn paused(column: Column) {
    let bench = Bench::new().await;
    bench.server.command(["CLIENT", "PAUSE", "1500", "ALL"]);
    let end = Instant::now() + Duration::from_millis(1_500);
    for call in column.calls() {
        bench.ask(*call).await.fails_with(&LATE);
    }
    sleep_until(end).await;
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn writes_paused(column: Column) {
    let bench = Bench::new().await;
    bench.server.command(["CLIENT", "PAUSE", "60000", "WRITE"]);
    for call in column.calls() {
        for _ in 0..6 {
            let outcome = bench.ask(*call).await;
            if call.writes() {
                outcome.fails_with(&LATE);
            } else {
                outcome.is_well();
            }
        }
    }
    bench.server.command(["CLIENT", "UNPAUSE"]);
    bench.recovers().await;
    bench.ends_clean().await;
}
