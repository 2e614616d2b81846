//! Tags: names that entries are stored with, so that all entries of a name can be invalidated at once. `docs/tags.md` is the
//! page for users.
//!
//! Each tag has a *generation*, a random number, in a *marker*: an entry of the same backend under a key of the library's
//! own. An entry keeps the generations of its tags ([`Tag`]). It counts only while each marker still holds that very number
//! ([`TaggedBackend`]). To invalidate a tag is to remove its marker: the next write that carries it makes one with a new
//! number. No marker is ever written with a number that was there before, so whatever is lost, evicted or delayed makes entries a
//! miss and never brings one back.
//!
//! No value of a marker is changed, so its life cannot be extended either. Therefore a tag has two markers, its *slots*: an
//! entry that would outlive the one goes by the other, which is made anew for it ([`generations`]).

mod backend;
mod compare;
mod generations;
mod invalidations;
mod makers;
mod marker;
mod tag;

pub(crate) use self::backend::TaggedBackend;
pub(crate) use self::generations::Held;
pub use self::tag::Tag;
pub(crate) use self::tag::{invalid, off};
