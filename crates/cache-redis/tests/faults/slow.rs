//! A network that is slow or loses everything without a word.

use std::future::IntoFuture;
use std::time::Duration;

use cache_core::ErrorKind;
use cache_testkit::proxy::Fault;
use futures_util::future::join_all;

use crate::bench::Bench;
use crate::call::{BUDGET, Call, Column, KEYS, in_time, tagged_key};
use crate::cell;

row!(a_black_hole, black_hole);
row!(a_network_that_holds_everything_back_for_a_while, held);
row!(a_delay_beyond_the_budget, long_delay);
row!(a_delay_within_the_budget, short_delay);
row!(replies_that_drip, drip);
row!(a_narrow_band, narrow);

const LATE: [ErrorKind; 2] = [ErrorKind::Timeout, ErrorKind::Unavailable];

/// Both directions of the connection are dead for ever; only a new one helps.
async fn black_hole(column: Column) {
    for call in column.calls() {
        let bench = Bench::proxied().await;
        let accepted = bench.proxy().accepted();
        bench.proxy().requests(Fault::BlackHole);
        bench.proxy().replies(Fault::BlackHole);
        bench.is_late(*call).await;
        bench.proxy().heal();
        bench.recovers().await;
        assert!(
            bench.proxy().accepted() > accepted,
            "the dead connection was not replaced"
        );
        bench.ends_clean().await;
    }
}

/// The write comes after the store of the load, which the server does not answer either.
#[test]
fn a_write_of_what_a_load_stores_in_vain_takes_one_budget_with_it() {
    cell::run(async {
        let writes = [
            Call::Set,
            Call::Delete,
            Call::SetMany,
            Call::DeleteMany,
            Call::Clear,
        ];
        for write in writes {
            let bench = Bench::proxied().await;
            bench.proxy().requests(Fault::BlackHole);
            bench.proxy().replies(Fault::BlackHole);
            bench.ask(Call::GetOrLoad).await.is_well();
            bench.ask(write).await.fails_with(&LATE);
        }
    });
}

async fn held(column: Column) {
    let bench = Bench::proxied().await;
    bench.proxy().requests(Fault::Hold);
    for call in column.calls() {
        bench.fails(*call, &LATE).await;
    }
    bench.proxy().heal();
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn long_delay(column: Column) {
    slowed(column, Fault::Delay(Duration::from_millis(300))).await;
}

async fn drip(column: Column) {
    slowed(column, Fault::Drip(Duration::from_millis(2))).await;
}

async fn narrow(column: Column) {
    slowed(column, Fault::Bandwidth(1_000)).await;
}

/// What comes in time is right, what does not is late.
async fn slowed(column: Column, fault: Fault) {
    let bench = Bench::proxied().await;
    bench.proxy().replies(fault);
    for call in column.calls() {
        for _ in 0..4 {
            let outcome = call.run_slowly(BUDGET, &bench.cache, &KEYS).await;
            outcome.fails_at_most_with(&LATE);
        }
    }
    assert!(bench.proxy().harmed() > 0);
    bench.proxy().heal();
    bench.recovers().await;
    bench.ends_clean().await;
}

async fn short_delay(column: Column) {
    let bench = Bench::proxied().await;
    bench.proxy().replies(Fault::Delay(Duration::from_millis(20)));
    for call in column.calls() {
        bench.fill().await;
        bench.ask(*call).await.is_well();
    }
    bench.proxy().heal();
    bench.recovers().await;
    bench.ends_clean().await;
}

/// Each of the two takes less than the budget, and both together more.
#[test]
fn the_wait_for_a_connection_and_that_for_the_answer_share_one_budget() {
    crate::cell::run(async {
        let bench = Bench::proxied().await;
        bench.proxy().cut();
        bench.proxy().replies(Fault::Delay(BUDGET * 19 / 20));
        bench.ask(Call::Get).await.fails_with(&[ErrorKind::Timeout]);
        bench.proxy().heal();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}

/// Each of their requests is answered in time, and there is no time for a second one.
#[test]
fn a_call_with_tags_has_one_budget_for_all_that_it_asks() {
    crate::cell::run(async {
        let bench = Bench::proxied().await;
        bench.proxy().replies(Fault::Delay(BUDGET * 3 / 5));
        let tagged = tagged_key(KEYS[0]);
        let read = in_time(BUDGET, bench.cache.get::<String>(&tagged)).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Timeout);
        for call in [Call::TaggedSet, Call::InvalidateTag] {
            bench.ask(call).await.fails_with(&[ErrorKind::Timeout]);
        }
        // A request that had less time than others is no sign of a server that does not answer, however many there are.
        let reads = (0..10).map(|_| bench.cache.get::<String>(&tagged));
        for read in join_all(reads.map(IntoFuture::into_future)).await {
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Timeout);
        }
        assert_eq!(bench.cache.stats().up, Some(true));
        bench.proxy().heal();
        bench.ask(Call::Get).await.has_no_error();
        bench.recovers().await;
        bench.ends_clean().await;
    });
}
