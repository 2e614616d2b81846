//! The conformance suite, and the program.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Codec, ErrorKind, SystemClock};
use cache_factory::Factory;
use cache_metrics::Metrics;
use cache_testkit::{Fixture, ManualClock, Passing};
use file_backend::{FileBackend, FileOptions};
use metrics_exporter_prometheus::PrometheusBuilder;
use tempfile::TempDir;

struct Files {
    clock: Arc<ManualClock>,
    folder: TempDir,
    backend: Arc<dyn CacheBackend>,
}

impl Files {
    fn new() -> Self {
        let (clock, folder) = (ManualClock::new(), tempfile::tempdir().unwrap());
        let backend = Self::open(&clock, &folder, "one");
        Self {
            clock,
            folder,
            backend,
        }
    }

    fn open(clock: &Arc<ManualClock>, folder: &TempDir, name: &str) -> Arc<dyn CacheBackend> {
        let options = FileOptions {
            folder: folder.path().join(name),
        };
        Arc::new(FileBackend::open(options, Codec::default(), clock.clone()).unwrap())
    }
}

impl Fixture for Files {
    fn backend(&self) -> Arc<dyn CacheBackend> {
        Arc::clone(&self.backend)
    }

    fn neighbour(&self) -> Arc<dyn CacheBackend> {
        Self::open(&self.clock, &self.folder, "other")
    }

    fn pass(&self, time: Duration) -> Passing<'_> {
        Box::pin(async move { self.clock.advance(time) })
    }

    fn keeps_objects(&self) -> bool {
        false
    }

    fn counts_items(&self) -> bool {
        false
    }
}

cache_testkit::conformance!(file, Files::new());

#[test]
fn the_program_remembers_its_last_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_file-backend"));
        let program = program.env("TMPDIR", folder.path()).env("NO_COLOR", "1");
        let output = program.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run().contains("run 1 of this program"));
    let second = run();
    assert!(second.contains("run 2 of this program"), "{second}");
    let spans = second.lines().filter(|line| line.contains("cache.get{"));
    let told: Vec<_> = spans
        .filter(|line| line.contains("cache.result=\"hit\""))
        .collect();
    assert_eq!(told.len(), 1, "{second}");
}

#[tokio::test]
async fn loading_and_metrics_come_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = PrometheusBuilder::new().build_recorder();
    let exposition = recorder.handle();
    let metrics = Metrics::builder().recorder(Arc::new(recorder)).build().unwrap();
    let factory = Factory::new()
        .metrics(metrics.clone())
        .register("file", |context, options: FileOptions| {
            FileBackend::open(options, context.codec(), SystemClock::shared())
        })
        .unwrap();
    let visits = factory
        .cache("file", "visits")
        .option("folder", folder.path().to_str().unwrap())
        .build()
        .unwrap();
    for _ in 0..2 {
        let load = || async { Ok::<_, std::io::Error>(7_u64) };
        assert_eq!(visits.get_or_load("count", load).await.unwrap(), 7);
    }
    metrics.collect();
    let text = exposition.render();
    for line in [
        r#"gofr_cache_loads_total{cache_name="visits",backend="file",result="success"} 1"#,
        r#"gofr_cache_hits_total{cache_name="visits",backend="file"} 1"#,
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(
        format!("{visits:?}").contains("Tracing(Metrics(FileBackend"),
        "{visits:?}"
    );
}

/// Everything but the program that uses it, and what makes a crate of it.
#[test]
fn the_backend_takes_less_than_150_lines() {
    let sources = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    let lines: usize = sources
        .map(|file| file.unwrap().path())
        .filter(|path| !path.ends_with("main.rs") && !path.ends_with("lib.rs"))
        .map(|path| fs::read_to_string(path).unwrap().lines().count())
        .sum();
    assert!(lines > 0 && lines < 150, "{lines}");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_the_setting() {
    let options = FileOptions {
        folder: "/dev/null/folder".into(),
    };
    let refused = FileBackend::open(options, Codec::default(), SystemClock::shared()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Backend);
    assert!(refused.message().contains("options.folder"), "{refused}");
}
