//! The conformance suite of the cache, with doubles and a manual clock.
//!
//! Every backend and every layer proves with it that it keeps the contract of
//! [`CacheBackend`](cache_core::CacheBackend): each line that stands under "Behaviour" there is a case here. Use it
//! as a dev-dependency.
//!
//! # A backend of your own
//!
//! Implement [`Fixture`] for it: how to reach the backend, how to let its time pass, and where it differs. Then
//! [`conformance!`] makes one test of each case, each on a fixture of its own.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use cache_core::CacheBackend;
//! use cache_testkit::{Fixture, ManualClock, Passing};
//! # use cache_testkit::MapBackend as MyBackend;
//!
//! struct MyFixture {
//!     clock: Arc<ManualClock>,
//!     backend: Arc<dyn CacheBackend>,
//! }
//!
//! impl MyFixture {
//!     fn new() -> Self {
//!         let clock = ManualClock::new();
//!         Self { backend: Arc::new(MyBackend::new(clock.clone())), clock }
//!     }
//! }
//!
//! impl Fixture for MyFixture {
//!     fn backend(&self) -> Arc<dyn CacheBackend> {
//!         Arc::clone(&self.backend)
//!     }
//!     fn neighbour(&self) -> Arc<dyn CacheBackend> {
//!         Arc::new(MyBackend::new(self.clock.clone()))
//!     }
//!     // The backend of a server returns a future that sleeps, and says in `slack` how exact that is.
//!     fn pass(&self, time: Duration) -> Passing<'_> {
//!         Box::pin(async move { self.clock.advance(time) })
//!     }
//! }
//!
//! cache_testkit::conformance!(my_backend, MyFixture::new());
//! # fn main() {
//! #     cache_testkit::run(async { cache_testkit::conformance::get::the_last_set_is_returned(&MyFixture::new()).await });
//! # }
//! ```
//!
//! `cargo test` then shows `my_backend::get::the_last_set_is_returned` and all others. The expression may await, for
//! instance a server that starts.
//!
//! # A layer
//!
//! A layer keeps the contract of the backend below it. [`MapFixture`] brings a backend and a clock:
//!
//! ```
//! use std::sync::Arc;
//! use cache_testkit::{CountingBackend as MyLayer, MapFixture};
//!
//! cache_testkit::conformance!(my_layer, MapFixture::new(|map| Arc::new(MyLayer::new(map))));
//! # fn main() {}
//! ```
//!
//! # What has no case
//!
//! The suites of other caches hold them to operations that this contract does not have, so there is nothing to call:
//! *touch* (a longer life without a write: here TTL runs from the last write, and time to idle from the last use),
//! *increment* (a cache may drop an entry at any moment, and a count with it), *conditional writes* such as put-if-absent and
//! compare-and-set (for the same reason: that a key is absent says nothing; `get_or_load` orders loads and writes of a key
//! instead), and *soft invalidation* (an entry becomes stale by its time alone; a delete is a miss for all). What is between
//! processes, such as tiers and one load for a whole fleet, is not the contract of one backend.
//!
//! # Doubles
//!
//! | double | what it is for |
//! |---|---|
//! | [`MapBackend`] | the contract at its plainest, with objects or with bytes |
//! | [`NullBackend`] | keeps nothing |
//! | [`CountingBackend`] | says which calls reached the backend |
//! | [`FailingBackend`] | fails on demand: operations, or single keys |
//! | [`SlowBackend`] | answers when the test lets it, never at once: every call, or those of one operation |
//! | [`Ear`] | hears what observers hear |
//! | [`FixedRandom`] | chance that is none |
//! | [`SourceDown`] | the error of a loader |
//!
//! # Servers
//!
//! With the feature `servers`, which is off by default, there are `servers` (real Redis servers: single, Cluster,
//! Sentinel) and `proxy` (what harms the connections to one).
//!
//! [`History`] tells whether what several tasks saw of one key can have happened.
//! [`eventually`] waits for background work; [`ManualClock`] makes waiting for an expiry unnecessary.

mod clock;
pub mod conformance;
mod doubles;
mod eventually;
mod fixture;
mod history;
mod listen;
mod map_fixture;
#[cfg(feature = "servers")]
pub mod proxy;
mod run;
#[cfg(feature = "servers")]
pub mod servers;
mod suite;

pub use self::clock::ManualClock;
pub use self::doubles::{
    CountingBackend, Ear, FailingBackend, FixedRandom, MapBackend, NullBackend, SlowBackend, SourceDown,
};
pub use self::eventually::eventually;
pub use self::fixture::{Fixture, Passing};
pub use self::history::{Act, History};
pub use self::listen::listen;
pub use self::map_fixture::MapFixture;
pub use self::run::run;
