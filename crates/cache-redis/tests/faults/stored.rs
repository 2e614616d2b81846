//! What is stored is not what the cache stores: other programs, newer libraries, damage, malice.

use cache_core::codec::CodecId;
use cache_core::{
    Cache, Entry, ErrorKind, Key, KeyFingerprint, Namespace, Payload, RejectReason, SystemClock,
    TypeFingerprint, Value, envelope,
};
use cache_testkit::servers::RedisServer;

use crate::bench::{Bench, NAMESPACE, settings};
use crate::call::{Call, Column, KEYS, value_of};

row!(a_key_that_holds_a_list, list);
row!(a_value_that_does_not_decode, undecodable);
row!(a_value_of_a_newer_version, newer);
row!(a_value_that_was_damaged, damaged);
row!(a_value_that_was_cut_off, cut_off);
row!(a_value_of_another_key, moved);
row!(a_value_of_version_0, older);
row!(a_value_that_is_nested_deeply, nested);
row!(a_value_that_decompresses_to_512_mib, bomb);
row!(a_value_that_is_too_long, too_long);
row!(a_server_that_was_flushed, flushed);

/// How long a value may be.
const MOST: usize = 4 << 20;

/// What a get sees.
#[derive(Clone, Copy)]
enum Sees {
    Miss(RejectReason),
    Error(ErrorKind),
}

/// Puts something in the place of the first key and runs the calls. Only reads of that key notice, and a set mends it.
async fn replaced(column: Column, sees: Sees, replace: impl Fn(&Bench, &str)) {
    let bench = Bench::on(RedisServer::builder().start(), |settings| {
        settings.max_value_len(MOST)
    })
    .await;
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
            // It is not known what it is: to a strict call it is as if the server had failed, and exists, which has to read
            // the tags, cannot tell either.
            (Call::Get, Sees::Error(kind))
            | (Call::Exists | Call::StrictGetOrLoad, Sees::Error(kind @ ErrorKind::ValueTooLarge)) => {
                outcome.fails_with(&[kind]);
            }
            (Call::GetMany, Sees::Miss(_)) => {
                assert!(
                    matches!(outcome.answers[..], [Ok(false), Ok(true), Ok(true)]),
                    "{outcome:?}"
                );
            }
            (Call::GetMany, Sees::Error(kind))
            | (Call::StrictGetOrLoadMany, Sees::Error(kind @ ErrorKind::ValueTooLarge)) => {
                assert!(
                    matches!(outcome.answers[..], [Err(_), Ok(true), Ok(true)]),
                    "{outcome:?}"
                );
                outcome.fails_at_most_with(&[kind]);
            }
            // A load is stored in the place of what was there.
            (Call::GetOrLoad | Call::StrictGetOrLoad | Call::StrictGetOrLoadMany, _) => {
                outcome.is_well();
                bench.ask(Call::Get).await.is_well();
            }
            // It does not look into the value.
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
    replaced(column, Sees::Error(ErrorKind::Decode), |bench, stored| {
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

async fn older(column: Column) {
    let older = |bytes: &mut Vec<u8>| bytes[3] = 0;
    replaced(
        column,
        Sees::Miss(RejectReason::UnknownVersion),
        |bench, stored| change(bench, stored, older),
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
    replaced(column, Sees::Error(ErrorKind::Decode), |bench, stored| {
        bench.server.command(["SET", stored, &bomb]);
    })
    .await;
}

/// Two MiB, of which LZ4 makes 512: how much memory they take is measured where nobody else takes any
/// (`tests/redis/compression.rs`).
async fn bomb(column: Column) {
    const LENGTH: usize = 512 << 20;
    // One literal, then copies of it: 4 and 15 in the token, and 255 for each full byte that follows.
    let copies = LENGTH - 1 - 5 - 4 - 15;
    let mut block = u32::try_from(LENGTH).unwrap().to_le_bytes().to_vec();
    block.extend([0x1F, b'a', 1, 0]);
    block.extend(std::iter::repeat_n(0xFF, copies / 255));
    block.push(u8::try_from(copies % 255).unwrap());
    block.extend_from_slice(b"\x50aaaaa");
    let payload = Payload {
        bytes: block.into(),
        codec: CodecId::JSON,
        type_fingerprint: TypeFingerprint::UNKNOWN,
    };
    let entry = Entry::new(Value::from_payload(payload.clone()), SystemClock::shared().now());
    let namespace = Namespace::new(NAMESPACE).unwrap();
    let fingerprint = KeyFingerprint::new(&namespace, Key::new(KEYS[0]).unwrap());
    let sealed = envelope::seal_compressed(&entry, &payload, fingerprint).unwrap();
    replaced(column, Sees::Miss(RejectReason::Compression), |bench, stored| {
        bench.server.command([b"SET", stored.as_bytes(), &sealed]);
    })
    .await;
}

/// Another program wrote more than the cache takes into its memory.
async fn too_long(column: Column) {
    let text = "1".repeat(2 * MOST);
    replaced(column, Sees::Error(ErrorKind::ValueTooLarge), |bench, stored| {
        bench.server.command(["SET", stored, &text]);
    })
    .await;
}

#[test]
fn without_tags_exists_does_not_read_a_value_that_is_too_long() {
    crate::cell::run(async {
        let bench = Bench::new().await;
        let stored = bench.stored_key(KEYS[0]);
        bench.server.command(["SET", &stored, &"1".repeat(2 * MOST)]);
        let settings = settings().url(bench.server.url()).max_value_len(MOST);
        let cache = Cache::builder(settings.build().unwrap()).build().unwrap();
        Call::Exists.run(&cache).await.has_no_error();
        cache.close().await.unwrap();
        drop(cache);
        bench.recovers().await;
        bench.ends_clean().await;
    });
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
