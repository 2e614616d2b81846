//! Backends for tests: of layers, of the cache itself, and of programs that use one.

mod counting;
mod failing;
mod form;
mod map;
mod null;
mod slow;

pub use self::counting::CountingBackend;
pub use self::failing::FailingBackend;
pub use self::map::MapBackend;
pub use self::null::NullBackend;
pub use self::slow::SlowBackend;
