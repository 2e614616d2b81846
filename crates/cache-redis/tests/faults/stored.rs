//! What is stored is not what the cache stores: other programs, newer libraries, damage, malice.

use cache_core::{ErrorKind, RejectReason};

use crate::bench::Bench;
use crate::call::{Call, Column, KEYS, value_of};

row!(a_key_that_holds_a_list, list);
row!(a_value_that_does_not_decode, undecodable);
row!(a_value_of_a_newer_version, newer);
row!(a_value_that_was_damaged, damaged);
row!(a_value_that_was_cut_off, cut_off);
row!(a_value_of_another_key, moved);
row!(a_value_that_is_nested_deeply, nested);
row!(a_server_that_was_flushed, flushed);

/// What a get sees.
#[derive(Clone, Copy)]
enum Sees {
    Miss(RejectReason),
    Error,
}

/// Puts something in the place of the first key and runs the calls. Only reads of that key notice, and a set mends it.
async fn replaced(column: Column, sees: Sees, replace: impl Fn(&Bench, &str)) {
    let bench = Bench::new().await;
    let stored = bench.stored_key(KEYS[0]);
    for call in column.calls() {
        bench.fill().await;
        replace(&bench, &stored);
        let outcome = bench.ask(*call).await;
        match (call, sees) {
            (Call::Get, Sees::Miss(reason)) => {
                assert!(matches!(outcome.answers[..], [Ok(false)]), "{outcome:?}");
                assert_eq!(bench.cache.stats().rejected.unwrap().get(reason), 1);
            }
            (Call::Get, Sees::Error) => outcome.fails_with(&[ErrorKind::Decode]),
            (Call::GetMany, Sees::Miss(_)) => {
                assert!(
                    matches!(outcome.answers[..], [Ok(false), Ok(true), Ok(true)]),
                    "{outcome:?}"
                );
            }
            (Call::GetMany, Sees::Error) => {
                assert!(
                    matches!(outcome.answers[..], [Err(_), Ok(true), Ok(true)]),
                    "{outcome:?}"
                );
                outcome.fails_at_most_with(&[ErrorKind::Decode]);
            }
            // A load is stored in the place of what was there.
            (Call::GetOrLoad | Call::StrictGetOrLoad, _) => {
                outcome.is_well();
                bench.ask(Call::Get).await.is_well();
            }
            // It looks at the header only, and not into the value.
            (Call::Exists, _) => outcome.has_no_error(),
            _ => outcome.is_well(),
        }
        assert_eq!(bench.cache.stats().connections.unwrap().breaker_openings, 0);
        bench.cache.set(KEYS[0], value_of(KEYS[0])).await.unwrap();
        bench.ask(Call::Get).await.is_well();
    }
    bench.recovers().await;
    bench.ends_clean().await;
}

/// Changes the bytes that are stored for a key.
fn change(bench: &Bench, stored: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = bench.server.command(["GET", stored]).into_bytes();
    change(&mut bytes);
    assert_eq!(
        bench.server.command([b"SET", stored.as_bytes(), &bytes]).text(),
        "OK"
    );
}

async fn list(column: Column) {
    replaced(column, Sees::Miss(RejectReason::WrongType), |bench, stored| {
        bench.server.command(["DEL", stored]);
        bench.server.command(["RPUSH", stored, "value"]);
    })
    .await;
}

async fn undecodable(column: Column) {
    replaced(column, Sees::Error, |bench, stored| {
        bench.server.command(["SET", stored, "{ no JSON"]);
    })
    .await;
}

/// The fourth byte is the version.
async fn newer(column: Column) {
    let newer = |bytes: &mut Vec<u8>| bytes[3] = 99;
    replaced(
        column,
        Sees::Miss(RejectReason::UnknownVersion),
        |bench, stored| change(bench, stored, newer),
    )
    .await;
}

async fn damaged(column: Column) {
    let damage = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    replaced(
        column,
        Sees::Miss(RejectReason::WrongChecksum),
        |bench, stored| change(bench, stored, damage),
    )
    .await;
}

async fn cut_off(column: Column) {
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 5);
    replaced(column, Sees::Miss(RejectReason::WrongLength), |bench, stored| {
        change(bench, stored, cut);
    })
    .await;
}

async fn moved(column: Column) {
    replaced(column, Sees::Miss(RejectReason::WrongKey), |bench, stored| {
        let other = bench.stored_key(KEYS[1]);
        bench.server.command(["COPY", &other, stored, "REPLACE"]);
    })
    .await;
}

async fn nested(column: Column) {
    let bomb = "[".repeat(1_000_000);
    replaced(column, Sees::Error, |bench, stored| {
        bench.server.command(["SET", stored, &bomb]);
    })
    .await;
}

/// Another program removed everything. There is nothing to read or to remove, and nothing fails.
async fn flushed(column: Column) {
    let bench = Bench::new().await;
    for call in column.calls() {
        bench.fill().await;
        bench.server.command(["FLUSHALL"]);
        let outcome = bench.ask(*call).await;
        outcome.has_no_error();
        let finds_something = !matches!(
            call,
            Call::Get | Call::Exists | Call::Delete | Call::GetMany | Call::DeleteMany
        );
        assert!(
            outcome
                .answers
                .iter()
                .all(|answer| matches!(answer, Ok(found) if *found == finds_something)),
            "{outcome:?}"
        );
        assert_eq!(bench.cache.stats().rejected.unwrap().total(), 0);
    }
    bench.recovers().await;
    bench.ends_clean().await;
}
