//! What share of the accesses of real systems a cache answers, beside moka with the same policy, true LRU and the best
//! that any cache could do. It fails when our LRU is not one, or when a ratio is too good to be true.
//!
//! `CACHE_TRACES=path/to/traces cargo bench -p cache-bench --bench traces`
//!
//! The folder is one of trace files as `access-trace` reads them; other files in it are passed over.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its table"
)]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access_trace::{Format, Trace, ideal};
use cache_bench::table::Table;
use cache_bench::wait::wait;
use cache_bench::{is_asked_for, ours, workload};
use cache_memory::EvictionPolicy;

/// The capacities, in percent of the distinct keys.
const PERCENT: [usize; 3] = [1, 5, 20];
/// How far from true LRU ours may be, in points of percent.
const TOLERANCE: f64 = 0.5;

fn main() -> ExitCode {
    if !is_asked_for() {
        return ExitCode::SUCCESS;
    }
    match print() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the table and says whether all is as it must be.
fn print() -> Result<bool, Box<dyn Error>> {
    let folder =
        env::var_os("CACHE_TRACES").ok_or("CACHE_TRACES is not set; give it a folder of trace files")?;
    let files = trace_files(Path::new(&folder))?;
    println!("\nHit ratio in %, by capacity as a share of the distinct keys");
    let titles = [
        "trace",
        "capacity",
        "ours LRU",
        "moka LRU",
        "true LRU",
        "ours TinyLFU",
        "moka TinyLFU",
        "optimum",
    ];
    let mut table = Table::new(titles.into_iter().chain([""]));
    let mut right = true;
    for file in files {
        let trace = Trace::open(&file)?;
        let replay = Replay::new(&trace);
        for percent in PERCENT {
            let capacity = (trace.distinct() * percent / 100).max(1);
            let found = replay.hits(&trace, capacity);
            right &= found.verdict().is_empty();
            let points = found.in_order().map(|hits| format!("{:.2}", found.percent(hits)));
            let name = format!("{} ({} keys)", trace.name(), trace.distinct());
            let row = [name, format!("{percent} %")].into_iter().chain(points);
            table.row(row.chain([found.verdict().to_owned()]));
        }
    }
    print!("{table}");
    Ok(right)
}

fn trace_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let listed = fs::read_dir(folder).map_err(|error| format!("CACHE_TRACES cannot be read: {error}"))?;
    let paths = listed
        .map(|file| file.map(|file| file.path()))
        .collect::<Result<Vec<_>, _>>()?;
    let is_trace = |path: &PathBuf| {
        let compressed = path.extension().is_some_and(|end| end == "gz" || end == "xz");
        Format::of_path(path).is_some() && (compressed || path.extension().is_some_and(|end| end != "txt"))
    };
    let mut files: Vec<_> = paths.into_iter().filter(is_trace).collect();
    files.sort();
    if files.is_empty() {
        return Err("the folder of CACHE_TRACES has no trace that access-trace reads".into());
    }
    Ok(files)
}

/// A trace whose keys are text, as caches take them.
struct Replay {
    keys: Vec<String>,
    /// The number of the key of each access.
    accesses: Vec<u32>,
}

impl Replay {
    fn new(trace: &Trace) -> Self {
        let mut numbers: HashMap<u64, u32> = HashMap::new();
        let number = |access: &u64| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(*access).or_insert(next)
        };
        let accesses = trace.accesses().iter().map(number).collect();
        let keys = (0..u32::try_from(numbers.len()).unwrap_or(u32::MAX))
            .map(workload::key)
            .collect();
        Self { keys, accesses }
    }

    fn hits(&self, trace: &Trace, capacity: usize) -> Hits {
        let room = capacity as u64;
        Hits {
            accesses: trace.len(),
            ours_lru: self.ours(room, EvictionPolicy::Lru),
            moka_lru: self.moka(room, moka::policy::EvictionPolicy::lru()),
            true_lru: ideal::lru_hits(trace.accesses(), capacity),
            ours_tinylfu: self.ours(room, EvictionPolicy::TinyLfu),
            moka_tinylfu: self.moka(room, moka::policy::EvictionPolicy::tiny_lfu()),
            optimum: ideal::optimum_hits(trace.accesses(), capacity),
        }
    }

    /// Counts the hits of a cache that is asked first and told what it did not have.
    fn count(&self, mut get: impl FnMut(&str) -> bool, mut set: impl FnMut(&str, u32)) -> u64 {
        let mut hits = 0;
        for &number in &self.accesses {
            let key = &self.keys[number as usize];
            if get(key) {
                hits += 1;
            } else {
                set(key, number);
            }
        }
        hits
    }

    fn ours(&self, capacity: u64, policy: EvictionPolicy) -> u64 {
        let cache = ours::of_policy(capacity, policy);
        self.count(
            |key| {
                wait(cache.get::<u32>(key).shared())
                    .expect("memory does not fail")
                    .is_some()
            },
            |key, number| wait(cache.set(key, number)).expect("memory does not fail"),
        )
    }

    /// Moka is left alone: it decides itself when its policy sees what happened.
    fn moka(&self, capacity: u64, policy: moka::policy::EvictionPolicy) -> u64 {
        let cache: moka::sync::Cache<String, u32> = moka::sync::Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(policy)
            .build();
        self.count(
            |key| cache.get(key).is_some(),
            |key, number| cache.insert(key.to_owned(), number),
        )
    }
}

struct Hits {
    accesses: usize,
    ours_lru: u64,
    moka_lru: u64,
    true_lru: u64,
    ours_tinylfu: u64,
    moka_tinylfu: u64,
    optimum: u64,
}

impl Hits {
    fn in_order(&self) -> impl Iterator<Item = u64> {
        [
            self.ours_lru,
            self.moka_lru,
            self.true_lru,
            self.ours_tinylfu,
            self.moka_tinylfu,
            self.optimum,
        ]
        .into_iter()
    }

    fn percent(&self, hits: u64) -> f64 {
        100.0 * hits as f64 / self.accesses as f64
    }

    /// Returns a word for what is wrong, or nothing.
    fn verdict(&self) -> &'static str {
        if self.ours_lru.max(self.ours_tinylfu) > self.optimum {
            "IMPOSSIBLE"
        } else if (self.percent(self.ours_lru) - self.percent(self.true_lru)).abs() > TOLERANCE {
            "NOT LRU"
        } else {
            ""
        }
    }
}
