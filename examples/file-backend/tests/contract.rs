//! The conformance suite, and the program.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{CacheBackend, Codec};
use cache_testkit::{Fixture, ManualClock, Passing};
use file_backend::{FileBackend, FileOptions};
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
        Arc::new(FileBackend::open(&options, Codec::default(), clock.clone()).unwrap())
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
        let output = program.env("TMPDIR", folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run().contains("run 1 of this program"));
    let second = run();
    assert!(second.contains("run 2 of this program"), "{second}");
    assert!(
        second.contains("cache.result=\"hit\"") || second.contains("hit"),
        "it is told of: {second}"
    );
}
