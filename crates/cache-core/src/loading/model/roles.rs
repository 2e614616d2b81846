//! Who meets in the model, and what must hold however they meet.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::sync::Arc;
use shuttle::{check_pct, check_random, thread};

use super::{LeftOut, World};

const ORDERS: usize = 1_000;
const TRIES: usize = 10;

type Role = fn(&Arc<World>);

/// Runs the roles, a thread each, in thousands of orders, and then looks at what is there. Half of the orders are left to
/// chance; the others let one thread run on and interrupt it at few points, which finds what chance rarely does.
fn run(left_out: LeftOut, roles: &'static [Role]) {
    let order = move || {
        let world = World::new(left_out);
        let threads: Vec<_> = roles
            .iter()
            .map(|role| {
                let world = Arc::clone(&world);
                thread::spawn(move || role(&world))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let _ = world.get();
        if let Err(history) = world.history.check() {
            panic!("{history}");
        }
        assert_eq!(world.fences.lock().unwrap().flights(), 0, "a flight is left");
    };
    check_random(order, ORDERS);
    check_pct(order, ORDERS, 3);
}

const LOAD: Role = |world| {
    let _ = world.get_or_load();
};
const LOAD_TWICE: Role = |world| {
    let _ = (world.get_or_load(), world.get_or_load());
};
const GO: Role = |world| {
    world.load_and_go();
    let _ = world.get();
};
const DELETE: Role = |world| {
    world.write(None);
    let _ = (world.get(), world.get_or_load());
};
/// Says that nobody gets what was loaded before a change of the source, whose answers are ever larger numbers.
fn assert_newer(world: &World, version: u64) {
    if let Some(found) = world.get() {
        assert!(found > version, "a get found what was loaded before the change");
    }
    assert!(
        world.get_or_load() > version,
        "a caller got what was loaded before the change"
    );
}

/// Changes the source and then deletes: nothing older may be seen afterwards.
const UPDATE: Role = |world| {
    let version = world.number();
    world.write(None);
    assert_newer(world, version);
};
/// Changes the source and then invalidates the tag.
const INVALIDATE: Role = |world| {
    let version = world.number();
    world.invalidate();
    assert_newer(world, version);
};
const SET: Role = |world| {
    let value = world.number();
    world.write(Some(value));
    let _ = world.get();
};
const CLEAR: Role = |world| {
    world.clear();
    let _ = (world.get(), world.get_or_load());
};

#[test]
fn loads_and_deletes_are_linearizable() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, DELETE, DELETE]);
}

#[test]
fn after_a_delete_nobody_sees_what_was_loaded_before_it() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, UPDATE, UPDATE]);
}

#[test]
fn loads_and_sets_are_linearizable() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, SET, SET]);
}

#[test]
fn loads_and_all_writes_are_linearizable() {
    run(LeftOut::Nothing, &[LOAD_TWICE, LOAD_TWICE, SET, DELETE, CLEAR]);
}

#[test]
fn loads_that_are_given_up_change_nothing_for_others() {
    run(LeftOut::Nothing, &[GO, GO, LOAD_TWICE, UPDATE]);
    run(LeftOut::Nothing, &[GO, LOAD_TWICE, SET, CLEAR]);
}

#[test]
fn after_an_invalidation_nobody_sees_what_was_loaded_before_it() {
    run(
        LeftOut::Nothing,
        &[LOAD_TWICE, LOAD_TWICE, INVALIDATE, INVALIDATE],
    );
    run(LeftOut::Nothing, &[GO, LOAD_TWICE, INVALIDATE, UPDATE]);
}

#[test]
fn where_nobody_writes_the_loader_runs_once() {
    check_random(
        || {
            let world = World::new(LeftOut::Nothing);
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || {
                        let _ = world.get_or_load();
                    })
                })
                .collect();
            for caller in callers {
                caller.join().unwrap();
            }
            assert_eq!(*world.loads.lock().unwrap(), 1);
        },
        ORDERS,
    );
}

/// Says that the checker notices what is left out. Chance may miss the few orders that show it once, but not each time.
fn assert_needed(left_out: LeftOut, roles: &'static [Role]) {
    let is_noticed = |_| catch_unwind(AssertUnwindSafe(|| run(left_out, roles))).is_err();
    assert!(
        (0..TRIES).any(is_noticed),
        "nobody notices that {left_out:?} is left out"
    );
}

#[test]
fn asking_to_store_is_needed() {
    assert_needed(LeftOut::AskingToStore, &[LOAD_TWICE, UPDATE]);
}

/// The flight of an older caller must not store over that of a newer one.
#[test]
fn asking_to_store_is_needed_where_another_flight_took_the_place() {
    assert_needed(LeftOut::AskingToStore, &[LOAD, INVALIDATE]);
}

#[test]
fn waiting_for_the_store_is_needed() {
    assert_needed(LeftOut::WaitingForTheStore, &[LOAD_TWICE, UPDATE]);
}

#[test]
fn looking_again_is_needed() {
    assert_needed(LeftOut::LookingAgain, &[LOAD_TWICE, SET]);
}

#[test]
fn fencing_at_the_end_is_needed() {
    assert_needed(LeftOut::FencingAtTheEnd, &[LOAD_TWICE, SET]);
}

#[test]
fn holding_back_during_a_clear_is_needed() {
    assert_needed(LeftOut::HoldingBackDuringAClear, &[LOAD, CLEAR]);
}

#[test]
fn keeping_what_stores_is_needed() {
    assert_needed(LeftOut::KeepingWhatStores, &[GO, UPDATE]);
}

#[test]
fn looking_before_it_joins_is_needed() {
    assert_needed(LeftOut::LookingBeforeItJoins, &[LOAD, INVALIDATE]);
}
