//! A connection that breaks while the server is well: the call is tried once more and succeeds.

use std::time::Duration;

use cache_testkit::proxy::{Direction, Fault, When};
use tokio::time::sleep;

use crate::bench::Bench;
use crate::call::{Call, Column, KEYS};

row!(a_connection_that_the_server_kills, killed);
row!(a_connection_that_is_cut_while_idle, cut);
row!(a_connection_that_is_half_closed, half_closed);
row!(
    a_connection_that_is_reset_in_the_middle_of_a_reply,
    reset_in_reply
);
row!(a_connection_that_ends_in_the_middle_of_a_reply, cut_in_reply);
row!(
    a_connection_that_is_reset_with_a_request_under_way,
    reset_in_request
);

/// Runs the calls of a column, each after its connection was broken.
async fn broken(column: Column, bench: Bench, harm: impl AsyncFn(&Bench)) {
    for call in column.calls() {
        bench.fill().await;
        harm(&bench).await;
        let outcome = bench.ask(*call).await;
        if matches!(call, Call::Delete | Call::DeleteMany) {
            // If the first attempt removed the entry and its answer was lost, the second finds nothing to remove.
            outcome.has_no_error();
            assert!(!bench.cache.exists(KEYS[0]).await.unwrap());
        } else {
            outcome.is_well();
        }
    }
    assert!(bench.cache.stats().connections.unwrap().retries > 0 || column == Column::DeleteAndClear);
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn killed(column: Column) {
    broken(column, Bench::new().await, async |bench| {
        bench
            .server
            .command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    })
    .await;
}

async fn cut(column: Column) {
    broken(column, Bench::proxied().await, async |bench| {
        bench.proxy().cut();
        sleep(Duration::from_millis(20)).await;
    })
    .await;
}

async fn half_closed(column: Column) {
    broken(column, Bench::proxied().await, async |bench| {
        bench.proxy().half_close();
        sleep(Duration::from_millis(20)).await;
    })
    .await;
}

async fn reset_in_reply(column: Column) {
    broken(column, Bench::proxied().await, async |bench| {
        bench
            .proxy()
            .harm(Direction::Replies, Fault::Reset, When::Next(1));
    })
    .await;
}

async fn cut_in_reply(column: Column) {
    broken(column, Bench::proxied().await, async |bench| {
        bench.proxy().harm(Direction::Replies, Fault::Cut, When::Next(1));
    })
    .await;
}

async fn reset_in_request(column: Column) {
    broken(column, Bench::proxied().await, async |bench| {
        bench
            .proxy()
            .harm(Direction::Requests, Fault::Reset, When::Next(1));
    })
    .await;
}
