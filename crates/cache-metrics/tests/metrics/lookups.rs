//! Each lookup is a hit or a miss, and never both, whatever is stored, whoever asks, and when.

use std::time::Duration;

use cache_core::Loaded;
use cache_testkit::ManualClock;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any};
use proptest::{prop_assert_eq, prop_oneof, proptest};

use crate::support::{Watched, memory};

/// What is done to a key.
#[derive(Clone, Debug)]
enum Act {
    SetNumber,
    /// Nothing that asks for a number can read it.
    SetText,
    Delete,
    Get,
    /// Asks for the key and the one after it.
    GetMany,
    Load {
        succeeds: bool,
    },
    LoadNothing,
    LoadMany {
        succeeds: bool,
    },
    /// Nothing but that time passes: so many steps.
    Pass {
        steps: u32,
    },
}

/// So long a step is that an entry lives for two of them, and the answer that there is nothing for one, though a load makes
/// either shorter by chance.
const STEP: Duration = Duration::from_secs(4);
const TTL: Duration = Duration::from_secs(10);

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    Number,
    Text,
    /// The remembered answer that there is nothing.
    Nothing,
}

/// What keys hold, and since which step.
#[derive(Default)]
struct Model {
    held: [Option<(Holds, u32)>; 3],
    now: u32,
}

impl Model {
    fn at(&self, at: usize) -> Option<Holds> {
        let (holds, since) = self.held[at]?;
        let lives = if holds == Holds::Nothing { 1 } else { 2 };
        (self.now - since <= lives).then_some(holds)
    }

    fn store(&mut self, at: usize, holds: Holds) {
        self.held[at] = Some((holds, self.now));
    }
}

fn acts() -> impl Strategy<Value = Vec<(Act, usize)>> {
    let act = prop_oneof![
        proptest::strategy::Just(Act::SetNumber),
        proptest::strategy::Just(Act::SetText),
        proptest::strategy::Just(Act::Delete),
        proptest::strategy::Just(Act::Get),
        any::<bool>().prop_map(|succeeds| Act::Load { succeeds }),
        proptest::strategy::Just(Act::LoadNothing),
        any::<bool>().prop_map(|succeeds| Act::LoadMany { succeeds }),
        proptest::strategy::Just(Act::GetMany),
        (1..=3_u32).prop_map(|steps| Act::Pass { steps }),
    ];
    vec((act, 0..3_usize), 1..40)
}

type Row = (String, Result<Loaded<i64>, &'static str>);

proptest! {
    // Each case has a recorder of its own, which is slow to make.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hits_and_misses_are_the_lookups_and_what_does_not_read_is_a_miss(acts in acts()) {
        let keys = ["a", "b", "c"];
        let watched = Watched::new(|builder| builder);
        let clock = ManualClock::new();
        let cache = watched.cache(memory(&clock).build().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut model = Model::default();
        let (mut hits, mut misses, mut loads) = (0.0, 0.0, 0.0);
        for (act, at) in acts {
            let (key, held) = (keys[at], model.at(at));
            let (next, after) = (keys[(at + 1) % 3], model.at((at + 1) % 3));
            let is_hit = match act {
                // To a get the backend had it, and that it does not read is an error beside.
                Act::Get => Some(held.is_some()),
                Act::GetMany => {
                    if after.is_some() { hits += 1.0 } else { misses += 1.0 }
                    Some(held.is_some())
                }
                Act::Load { .. } | Act::LoadNothing | Act::LoadMany { .. } => {
                    Some(matches!(held, Some(Holds::Number | Holds::Nothing)))
                }
                _ => None,
            };
            match is_hit {
                Some(true) => hits += 1.0,
                Some(false) => misses += 1.0,
                None => {}
            }
            runtime.block_on(async {
                match act {
                    Act::SetNumber => {
                        cache.set(key, 1_i64).ttl(TTL).await.unwrap();
                        model.store(at, Holds::Number);
                    }
                    Act::SetText => {
                        cache.set(key, "text".to_owned()).ttl(TTL).await.unwrap();
                        model.store(at, Holds::Text);
                    }
                    Act::Delete => {
                        cache.delete(key).await.unwrap();
                        model.held[at] = None;
                    }
                    Act::Get => drop(cache.get::<i64>(key).await),
                    Act::GetMany => drop(cache.get_many::<i64>(&[key, next]).await),
                    Act::Pass { steps } => {
                        clock.advance(STEP * steps);
                        model.now += steps;
                    }
                    Act::Load { succeeds } => {
                        let answer = if succeeds { Ok(2_i64) } else { Err("down") };
                        drop(cache.get_or_load(key, move || async move { answer }).ttl(TTL).await);
                    }
                    Act::LoadNothing => {
                        let load = |_: cache_core::LoadContext<i64>| async { Ok::<_, &str>(Loaded::not_found()) };
                        drop(cache.get_or_load(key, load).await);
                    }
                    Act::LoadMany { succeeds } => {
                        let load = move |keys: Vec<String>| async move {
                            let one = |key| (key, Ok(Loaded::store(3_i64)));
                            let rows: Vec<Row> = keys.into_iter().map(one).collect();
                            if succeeds { Ok(rows) } else { Err("down") }
                        };
                        // Twice the same key is one lookup.
                        drop(cache.get_or_load_many(&[key, key], load).ttl(TTL).await);
                    }
                }
            });
            if is_hit == Some(false) {
                match act {
                    Act::Load { succeeds } | Act::LoadMany { succeeds } => {
                        loads += 1.0;
                        if succeeds {
                            model.store(at, Holds::Number);
                        }
                    }
                    Act::LoadNothing => {
                        loads += 1.0;
                        model.store(at, Holds::Nothing);
                    }
                    _ => {}
                }
            }
        }
        prop_assert_eq!([watched.users("hits_total"), watched.users("misses_total")], [hits, misses]);
        prop_assert_eq!(watched.users("load_duration_seconds_count"), loads);
    }
}
