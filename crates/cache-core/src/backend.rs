//! The contract that backends and layers keep. Each line under "Behaviour" is a case of the conformance suite in
//! `cache-testkit`.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::entry::Entry;
use crate::error::Result;
use crate::future::CacheFuture;
use crate::key::Key;
use crate::stats::BackendStats;

/// Where entries live, for those who implement one. People who use a cache hold a [`Cache`](crate::Cache).
///
/// All methods are required: a layer that forgot one would hide what the backend below it does better. Layers carry
/// `#[deny(clippy::missing_trait_methods)]`, which finds them when a method is added.
///
/// Keys are checked before they come here, and an entry was not over when it was made.
///
/// A call may ask the backend several times, with tags, or have waited for a load before it asks. A backend that limits how long
/// its operations take learns from [`EnclosingOperation`](crate::EnclosingOperation) which requests share a limit.
///
/// # Behaviour of every method
/// - A failure that concerns no single key, such as a closed cache, fails an operation on many keys as a whole.
/// - After [`close`](Self::close) it fails with [`ErrorKind::Closed`](crate::ErrorKind::Closed).
/// - It does not panic, whatever the key and the value.
/// - Dropping its future, polled or not, leaves nothing behind; a write may or may not have happened.
pub trait CacheBackend: fmt::Debug + Send + Sync + 'static {
    /// Returns the word that names the backend in metrics, logs and health: `memory`, `redis`. Layers return the
    /// word of the backend below them.
    fn kind(&self) -> &'static str;

    /// Returns the clock that entries live by.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Reads an entry.
    ///
    /// # Behaviour
    /// - A key that was never set is `None`, not an error.
    /// - The entry of the last set is returned, with its value, its stamps and its end.
    /// - An entry is returned until it is over and not from the moment it is.
    /// - Reading does not extend a life, unless the backend was told to.
    /// - A key of any bytes works, of 10,000 bytes, of 32 KiB and with NUL; a key that only begins alike is another.
    fn get<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, Option<Entry>>;

    /// Stores an entry in the place of an older one.
    ///
    /// # Behaviour
    /// - The next get returns it, unless the policy of the backend does not admit it.
    /// - An older entry of the key is replaced with its life: a longer or a shorter one counts from now on.
    /// - An entry whose end has come by the time it is stored is not there afterwards, nor is an older one; that is no
    ///   error.
    /// - A set that fails because the value does not encode leaves the older entry.
    /// - The tags of the entry come back with it.
    ///
    /// A backend that repeats writes whose answer was lost must not repeat one of the codec [`TAG`](crate::codec::CodecId::TAG):
    /// that could undo an invalidation which came in between.
    fn set<'a>(&'a self, key: Key<'a>, entry: Entry) -> CacheFuture<'a, ()>;

    /// Removes an entry and says whether one went.
    ///
    /// # Behaviour
    /// - After it the key is a miss.
    /// - It is `true` for an entry that a get would have returned and `false` for one that is absent or over. With tags on, one
    ///   that was invalidated may still be there.
    /// - Other keys stay.
    fn delete<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool>;

    /// Says whether a get would return an entry.
    ///
    /// # Behaviour
    /// - It agrees with get at every point in time.
    /// - It does not count as a use: neither eviction nor time-to-idle take notice. With tags on it does, since these stand in
    ///   the entry.
    fn exists<'a>(&'a self, key: Key<'a>) -> CacheFuture<'a, bool>;

    /// Reads entries: one answer for each key, in the order of the keys, duplicates included.
    ///
    /// # Behaviour
    /// - Each answer is that of a get.
    /// - A failure of one key is its own answer and does not fail the others.
    /// - No keys give no answers.
    fn get_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<Option<Entry>>>>;

    /// Stores entries: one answer for each.
    ///
    /// # Behaviour
    /// - Each entry is stored as by a set; of two for one key the later stays.
    fn set_many<'a>(&'a self, entries: Vec<(Key<'a>, Entry)>) -> CacheFuture<'a, Vec<Result<()>>>;

    /// Removes entries: one answer for each key, saying whether an entry went.
    ///
    /// # Behaviour
    /// - Each key is removed as by a delete; of two deletes of one key the first says `true`.
    fn delete_many<'a>(&'a self, keys: Vec<Key<'a>>) -> CacheFuture<'a, Vec<Result<bool>>>;

    /// Removes every entry of this cache and nothing else.
    ///
    /// # Behaviour
    /// - After it every earlier key is a miss, and new entries can be stored.
    /// - Clearing an empty cache succeeds.
    fn clear(&self) -> CacheFuture<'_, ()>;

    /// Returns what the backend knows about itself, at no cost to others: no I/O, no scan. It works after close.
    ///
    /// # Behaviour
    /// - If items are counted, they follow sets, deletes and clears.
    fn stats(&self) -> BackendStats;

    /// Asks the backend for a sign of life.
    fn ping(&self) -> CacheFuture<'_, ()>;

    /// Ends the backend and returns when its background work has ended.
    ///
    /// # Behaviour
    /// - A second close succeeds and does nothing.
    fn close(&self) -> CacheFuture<'_, ()>;
}
