//! One cell of the matrix: a fault and a kind of call, as a test with a runtime of its own.

use std::future::Future;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

/// No cell takes as long, on a machine that does something else neither.
const LIMIT: Duration = Duration::from_secs(30);

/// Panics in the code under test, whichever thread they were in.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Runs a cell. It fails if the code under test panics anywhere, in a task of its own too, or if it hangs.
pub(crate) fn run(cell: impl Future<Output = ()>) {
    watch_for_panics();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap();
    let ended = runtime.block_on(async { timeout(LIMIT, cell).await });
    assert!(ended.is_ok(), "the cell hangs");
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "the code under test panicked");
}

fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let under_test = |file: &str| !file.contains("tests/faults") && !file.contains("cache-testkit");
            if info
                .location()
                .is_some_and(|location| under_test(location.file()))
            {
                PANICS.fetch_add(1, Ordering::Relaxed);
            }
            before(info);
        }));
    });
}

/// Makes a test of each cell of a row: `row!(name_of_the_fault, function)`, where the function takes a
/// [`Column`](crate::call::Column).
macro_rules! row {
    ($name:ident, $fault:path) => {
        mod $name {
            use super::*;
            use $crate::call::Column;

            #[test]
            fn get() {
                $crate::cell::run($fault(Column::Get));
            }

            #[test]
            fn get_or_load() {
                $crate::cell::run($fault(Column::GetOrLoad));
            }

            #[test]
            fn set() {
                $crate::cell::run($fault(Column::Set));
            }

            #[test]
            fn delete_and_clear() {
                $crate::cell::run($fault(Column::DeleteAndClear));
            }

            #[test]
            fn many_keys() {
                $crate::cell::run($fault(Column::ManyKeys));
            }
        }
    };
}
