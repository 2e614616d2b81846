//! The in-memory backend of the cache: entries in [moka], bounded, expiring, observable.
//!
//! ```
//! # fn main() -> cache_core::Result<()> {
//! use std::time::Duration;
//! use cache_core::Cache;
//! use cache_memory::MemoryBackend;
//!
//! let backend = MemoryBackend::builder().max_items(10_000).build()?;
//! let cache = Cache::builder(backend).name("users").ttl(Duration::from_secs(300)).build()?;
//! # Ok(()) }
//! ```
//!
//! A hit is answered at once, without an allocation or a lock of ours: the future is ready when it is made. No async
//! runtime is needed. Only the first and the 33rd read of a cache by a thread allocate, for [what it
//! remembers](#what-a-thread-remembers).
//!
//! # What least recently used means here
//!
//! - A write that may evict takes effect on the policy before it returns, and so does a read that the thread does not answer
//!   from [what it remembers](#what-a-thread-remembers). Of an entry that it remembers the policy hears anew at its next
//!   read once a 16th of the limit of others were told, as such reads of that thread or as entries that anybody stored (625 at a
//!   limit of 10,000), and once that thread has read as often as the limit is high.
//! - So where one thread calls, eviction is exact below a limit of 16, and exact to a 16th of the limit above: at the
//!   limit a new key evicts a live entry, and of the entries that were used before it no more than so many stay. None goes
//!   before fifteen 16ths of the limit of others were used after it. With a limit by weight it is exact.
//! - If there is no limit, or the limit is 2,048 or more and at least 1,024 places are free, the policy hears of up to 64
//!   writes at once. The order of use may then be off by as many calls, and a value that was written over is dropped with
//!   the next of these batches or by the next maintenance, not at once.
//! - Entries whose time has ended go before any live entry does, from the millisecond of their end on. Where more than 64
//!   end within the same 16 ms, the last of them may be taken for live until these have passed. A write looks at 4,096
//!   entries at most that may be over: with a time to idle, where more than that were used shortly before their end, and
//!   with a limit by weight, where more have to go for one heavy entry, live ones may go before the rest of them.
//! - Asking whether a key exists is no use, unless a clear of more than 1,000 entries is just being freed: then moka has to
//!   show the entry, and takes that for one.
//! - Where many threads call, which entry is the least recently used is approximate: reads reach the policy through a bounded
//!   queue, and one that finds it full is not recorded; an entry that one thread reads again and again may go when another
//!   thread reads nearly all others in between, unless it is read once more by the first, which has meanwhile read as often
//!   as the limit is high.
//!   The limit is not approximate: live entries exceed it by at most the number of writes that run at the moment.
//!
//! # What TinyLFU means here
//!
//! - At the limit a new entry is stored only if its key was asked for more often of late than those of the entries that
//!   would have to go for it, which are the least recently used ones. Otherwise it is refused: the set succeeds, the next get
//!   is a miss, and the refusal counts as an eviction. So entries that are used often stay, however many others are stored
//!   that are used once.
//! - How often is an estimate: reads and writes are counted up to 15 for each key, in a table that keys share, so a key may
//!   seem to be used more often than it is, and all counts are halved from time to time. Nothing is counted before the cache
//!   is half full, and until it is full every entry is stored.
//! - The policy hears of every read of one thread. Where many threads call, a read that finds the queue full is not counted.
//! - Limits hold and entries whose time has ended go first, as with least recently used.
//!
//! # What a thread remembers
//!
//! With least recently used, without a limit by weight, and with no limit or one of 16 entries or more, a thread notes
//! a cache at its first read, in a few words, and takes room for it at the 33rd, once each: 160 KB, or less where the limit is below 1,024. It holds no value: a value that
//! is removed is dropped. But the room of its object (at most 1 KiB each, 1,024 at most) is given back only when the thread
//! remembers another entry in its place, or when another cache takes the place of this one in the thread.
//!
//! [moka]: https://docs.rs/moka

mod afresh;
mod ages;
mod backend;
mod changes;
mod config;
mod deadlines;
mod error;
mod free;
mod front;
mod idle;
mod ledger;
mod maintenance;
mod name;
mod order;
mod policy;
pub mod presets;
mod read;
mod seat;
mod store;
mod stored;
mod sync;
mod weigher;

pub use self::backend::MemoryBackend;
pub use self::config::MemoryBuilder;
pub use self::policy::EvictionPolicy;
pub use self::weigher::Weigher;
