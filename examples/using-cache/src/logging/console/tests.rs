//! What the lines look like.

use std::io;
use std::sync::{Arc, Mutex};

use cache_core::{
    Cache, CacheBackend, ErrorKind, LoadContext, LoadResult, Loaded, Operation, Source, StaleReason,
};
use cache_memory::MemoryBackend;
use cache_testkit::{FailingBackend, listen};
use cache_tracing::{Keys, Tracing};
use tracing::{info, info_span, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, fmt};

use super::*;
use crate::logging::trace_id::TraceIds;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Returns the lines that are written meanwhile, at five seconds past noon.
fn written(colours: bool, run: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let console = Console {
        colours,
        now: || UNIX_EPOCH + Duration::from_millis(12 * 3_600_000 + 5_250),
    };
    let format = fmt::layer().with_writer(lines.clone()).event_format(console);
    let guard = listen(Registry::default().with(TraceIds).with(format));
    run();
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Takes the duration out of a line, which no two runs share.
fn without_duration(line: &str) -> String {
    let words: Vec<_> = line
        .split(' ')
        .filter(|word| !word.ends_with("µs") && !word.is_empty())
        .collect();
    words.join(" ")
}

fn lookups() {
    let users = cache(MemoryBackend::builder().build().unwrap());
    let request = info_span!("request", trace_id = "4bf92f3577b34da6a3ce929d0e0e4736");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    request.in_scope(|| {
        runtime.block_on(async {
            users.get::<i32>("user:7").await.unwrap();
            users.set("user:7", 1).await.unwrap();
            users.get::<i32>("user:7").await.unwrap();
            users.get_many::<i32>(&["user:7", "user:8"]).await;
        });
    });
}

/// Calls that load: of one key, of one that is not there, and of several.
fn loads() {
    let users = cache(MemoryBackend::builder().build().unwrap());
    let request = info_span!("request", trace_id = "4bf92f3577b34da6a3ce929d0e0e4736");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    request.in_scope(|| {
        runtime.block_on(async {
            let one = || async { Ok::<_, io::Error>(1) };
            users.get_or_load("user:7", one).await.unwrap();
            users.get_or_load("user:7", one).await.unwrap();
            let nobody = |_: LoadContext<i32>| async { Ok::<_, io::Error>(Loaded::not_found()) };
            users.get_or_load("user:8", nobody).await.unwrap();
            let rows = |keys: Vec<String>| async move {
                let rows = keys.into_iter().map(|key| (key, Ok(Loaded::store(2))));
                Ok::<Vec<_>, io::Error>(rows.collect())
            };
            users.get_or_load_many(&["user:7", "user:9"], rows).await;
        });
    });
}

fn cache(backend: impl CacheBackend) -> Cache {
    let tracing = Tracing::new().keys(Keys::Shown);
    Cache::builder(backend)
        .name("users")
        .layer(tracing)
        .build()
        .unwrap()
}

#[test]
fn an_operation_has_its_columns() {
    let lines = written(false, lookups);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let expected = [
        "INFO 12:00:05.250 cache built cache=users".to_owned(),
        format!("DEBUG 12:00:05.250 {trace_id} cache get MISS user:7 users"),
        format!("DEBUG 12:00:05.250 {trace_id} cache set STORED user:7 users"),
        format!("DEBUG 12:00:05.250 {trace_id} cache get HIT user:7 users"),
        format!("DEBUG 12:00:05.250 {trace_id} cache get_many MIXED 1 of 2 keys users"),
    ];
    let seen: Vec<_> = lines.iter().map(|line| without_duration(line)).collect();
    assert_eq!(seen, expected);
}

/// Takes the colours out of a line.
fn bare(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn columns_are_aligned_with_colours_and_without() {
    let both = || {
        lookups();
        loads();
    };
    for colours in [false, true] {
        let mut lines: Vec<_> = written(colours, both).iter().map(|line| bare(line)).collect();
        lines.retain(|line| !line.contains("cache built"));
        for told in [
            "cache load ",
            "cache get_or_load ",
            "cache get_or_load_many ",
            "NOT_FOUND",
        ] {
            assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:#?}");
        }
        for word in ["4bf92", "cache ", "µs", "users"] {
            let place = |line: &String| line[..line.rfind(word).unwrap()].chars().count();
            let places: Vec<_> = lines.iter().map(place).collect();
            assert!(
                places.windows(2).all(|pair| pair[0] == pair[1]),
                "{word}: {lines:#?}"
            );
        }
    }
}

/// The words for results of operations, as the documentation of the layer lists them.
fn results() -> Vec<&'static str> {
    let table = include_str!("../../../../../crates/cache-tracing/src/lib.rs");
    let row = table
        .lines()
        .find(|line| line.contains("| `cache.result` |"))
        .unwrap();
    let words: Vec<_> = row.split('`').skip(3).step_by(2).collect();
    assert!(
        words.contains(&"hit") && words.contains(&"coalesced"),
        "{words:?}"
    );
    words
}

#[test]
fn everything_that_a_column_may_hold_fits() {
    for operation in Operation::ALL {
        let message = format!("cache {operation}");
        assert!(message.len() <= MESSAGE, "{message}");
    }
    let loads = LoadResult::ALL.map(LoadResult::as_str);
    let sources = [Source::Hit, Source::Loaded, Source::Coalesced].map(Source::as_str);
    let stale = StaleReason::ALL.map(|reason| Source::Stale(reason).as_str());
    for word in results().into_iter().chain(loads).chain(sources).chain(stale) {
        assert!(word.len() <= TAG, "{word}");
    }
    let hours = microseconds(2.0 * 3_600e6);
    assert!(hours.chars().count() <= DURATION, "{hours}");
    let redacted = format!("{} bytes #{:016x}", 64 << 10, u64::MAX);
    assert!(redacted.len() <= KEY, "{redacted}");
    assert!("10000 of 10000 keys".len() <= KEY);
}

#[test]
fn colours_are_those_of_the_source_system() {
    let lines = written(true, lookups);
    assert!(lines[0].starts_with("\u{1b}[32mINFO\u{1b}[0m"), "{lines:?}");
    assert!(lines[1].starts_with("\u{1b}[90mDEBUG\u{1b}[0m"), "{lines:?}");
    assert!(lines[1].contains("\u{1b}[33mMISS\u{1b}[0m"), "{lines:?}");
    assert!(lines[3].contains("\u{1b}[32mHIT\u{1b}[0m"), "{lines:?}");
}

#[test]
fn without_colours_there_is_no_escape_sequence() {
    assert!(
        written(false, lookups)
            .iter()
            .all(|line| !line.contains('\u{1b}'))
    );
}

#[test]
fn a_failure_says_what_and_where() {
    let lines = written(false, || {
        let failing = FailingBackend::new(MemoryBackend::builder().build().unwrap());
        failing.fail(Operation::Get, ErrorKind::Timeout);
        let users = cache(failing);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime
            .block_on(async { users.get::<i32>("user:7").await })
            .unwrap_err();
    });
    assert!(
        without_duration(&lines[1]).contains("cache get ERROR user:7 users error.type=timeout"),
        "{lines:?}"
    );
    assert!(lines[2].starts_with("WARN "), "{lines:?}");
    assert!(lines[2].contains("cache get failed: "), "{lines:?}");
}

#[test]
fn other_events_are_their_message_and_fields() {
    let lines = written(false, || {
        info!(rate = 50, "ready");
        warn!("two\nlines \u{1b}[31m");
    });
    assert!(lines[0].ends_with(" ready rate=50"), "{lines:?}");
    assert_eq!(lines.len(), 2, "a value stays on its line: {lines:?}");
    assert!(!lines[1].contains('\u{1b}'), "{lines:?}");
}
