//! Backends for tests: of layers, of the cache itself, and of programs that use one; and what else stands around a cache.

mod chance;
mod counting;
mod ear;
mod failing;
mod form;
mod map;
mod null;
mod slow;
mod source;

pub use self::chance::FixedRandom;
pub use self::counting::CountingBackend;
pub use self::ear::Ear;
pub use self::failing::FailingBackend;
pub use self::map::MapBackend;
pub use self::null::NullBackend;
pub use self::slow::SlowBackend;
pub use self::source::SourceDown;
