//! What 100 values cost together and one by one. In memory there is no round trip to save; the figure is for
//! information.
//!
//! `cargo bench -p cache-bench --bench many`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark ends when a cache cannot be built")]

use std::hint::black_box;
use std::sync::Arc;

use cache_bench::compare::{Plan, Subject, measure};
use cache_bench::ours::{self, HOUR};
use cache_bench::table::Table;
use cache_bench::wait::wait;
use cache_bench::workload::{self, User, Workload};
use cache_bench::{is_asked_for, recorder};
use cache_core::{Cache, Value};

const ITEMS: u32 = 10_000;
const ROOM: u64 = 20_000;
const TOGETHER: usize = 100;

const PLAN: Plan = Plan {
    threads: 1,
    builds: 11,
    rounds: 3,
    warm_up: 40_000,
    timed: 40_000,
    used_heap: true,
};

fn main() {
    if !is_asked_for() {
        return;
    }
    let work = Workload::new(ITEMS);
    let orders = [workload::skewed(ITEMS, 800_000, 0)];
    let metrics = recorder::install();
    let bare = || filled(ours::bare(ROOM, HOUR), &work);
    let measured = || filled(ours::measured(ROOM, HOUR, &metrics), &work);
    let subjects = [
        Subject::new("100 gets", &orders, || one_by_one(bare(), &work)),
        Subject::new("get_many(100)", &orders, || together(bare(), &work)),
        Subject::new("100 gets, with metrics", &orders, || {
            one_by_one(measured(), &work)
        }),
        Subject::new("get_many(100), with metrics", &orders, || {
            together(measured(), &work)
        }),
    ];
    let Some(measured) = measure("many", PLAN, &subjects) else {
        return;
    };
    println!("\n100 values from memory, {} rounds", PLAN.builds * PLAN.rounds);
    let mut table = Table::new(["read", "ns for each key", "ratio (quartiles)"]);
    for (at, name) in measured.names().enumerate() {
        table.row([
            name,
            &format!("{:.0}", measured.nanos(at)),
            &measured.ratio(at, 0).to_string(),
        ]);
    }
    print!("{table}");
}

fn filled(cache: Cache, work: &Workload) -> Cache {
    for (key, user) in work.entries() {
        wait(cache.set(key, Value::shared(Arc::clone(user)))).expect("memory does not fail");
    }
    cache
}

fn one_by_one(cache: Cache, work: &Workload) -> impl Fn(&[u32]) + Sync {
    work.each(move |key| {
        black_box(wait(cache.get::<User>(key).shared()).expect("memory does not fail"));
    })
}

fn together(cache: Cache, work: &Workload) -> impl Fn(&[u32]) + Sync {
    move |order: &[u32]| {
        for numbers in order.chunks(TOGETHER) {
            let keys = numbers.iter().map(|number| work.key(*number));
            black_box(wait(cache.get_many::<User>(keys).shared()));
        }
    }
}
