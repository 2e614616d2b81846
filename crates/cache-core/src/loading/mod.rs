//! Loading: what `get_or_load` does when a value is not there. `docs/loading.md` is the page for users.
//!
//! A caller looks in the backend first ([`get_or_load`]). Only if it finds nothing fresh, it [settles](settle): it joins
//! the flight of the key or leads a new one. A [flight] is a task of its own ([`run`]), so no caller that goes takes it
//! along. What it brought is [published](publish) if the [fences] allow it, which all writes of the handle pass too.

mod answer;
mod batch_loader;
mod bell;
mod call;
mod carried;
mod context;
mod crew;
mod error;
mod event;
mod failures;
mod fenced;
mod fences;
mod flight;
mod freshness;
mod get_or_load;
mod get_or_load_future;
mod get_or_load_many;
mod handle;
mod landing;
mod loader;
mod loads;
mod look;
#[cfg(test)]
mod model;
mod needs;
mod options;
pub(crate) mod patience;
mod place;
mod publish;
mod publish_many;
mod random;
mod registry;
mod run;
mod run_many;
mod scope;
mod seat;
mod settle;
mod settle_many;
mod stamp;
mod stand_in;
mod waits;

pub use self::answer::{Answer, Detailed, Give, Source, StaleReason};
pub use self::batch_loader::{BatchLoader, Found};
pub use self::context::LoadContext;
pub use self::event::{LoadEvent, LoadResult};
pub use self::get_or_load::GetOrLoad;
pub use self::get_or_load_future::GetOrLoadFuture;
pub use self::get_or_load_many::{GetOrLoadMany, GetOrLoadManyFuture};
pub use self::loader::{Choosing, Form, Loadable, Loaded, Loader, Plain};
pub(crate) use self::loads::{LoadSettings, Loads};
pub use self::options::{Abandon, LoadOptions};
pub use self::random::Random;
pub(crate) use self::scope::Within;
pub use self::scope::{Ended, Follower, Scope};
