//! A value that does not keep its object alive: for whoever remembers what lies in a cache without holding it there.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::value::{Boxed, Object, Repr, Value};

/// What [`Value::downgrade`] returns. It is two words, as a [`Value`] is.
///
/// The object is dropped when the last [`Value`] and the last `Arc` that a read gave are gone. The room of the allocation,
/// the size of the object without what it points to, is given back when the last `WeakValue` is gone too.
#[derive(Clone)]
pub struct WeakValue(WeakRepr);

#[derive(Clone)]
enum WeakRepr {
    Object(Weak<dyn Object>),
    Boxed(Weak<Boxed>),
}

impl Value {
    /// Returns a value that does not keep the object alive.
    pub fn downgrade(&self) -> WeakValue {
        WeakValue(match self.repr() {
            Repr::Object(object) => WeakRepr::Object(Arc::downgrade(object)),
            Repr::Boxed(boxed) => WeakRepr::Boxed(Arc::downgrade(boxed)),
        })
    }

    /// Returns how many bytes the allocation behind this value takes by itself: the object without what it points to, or,
    /// of an encoded or a tagged value, the fixed part without what it holds. It is not for weighers, which want
    /// [`encoded_len`](Self::encoded_len) or [`downcast_ref`](Self::downcast_ref).
    pub fn shallow_size(&self) -> usize {
        match self.repr() {
            Repr::Object(object) => size_of_val(&**object),
            Repr::Boxed(boxed) => size_of_val(&**boxed),
        }
    }
}

impl WeakValue {
    /// Returns the value if a [`Value`] of it still exists. Of a value that is neither encoded nor tagged an `Arc` that a
    /// read gave is enough.
    #[inline]
    pub fn upgrade(&self) -> Option<Value> {
        match &self.0 {
            WeakRepr::Object(object) => object.upgrade().map(Repr::Object),
            WeakRepr::Boxed(boxed) => boxed.upgrade().map(Repr::Boxed),
        }
        .map(Value::from_repr)
    }
}

/// Prints nothing of the value: it may be a secret.
impl fmt::Debug for WeakValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakValue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;

    #[test]
    fn a_weak_value_gives_the_value_while_somebody_holds_it() {
        let value = Value::new("text".to_owned());
        let weak = value.downgrade();
        let again = weak.upgrade().unwrap().read::<String>(&Codec::default()).unwrap();
        assert_eq!(*again, "text");
    }

    #[test]
    fn a_weak_value_does_not_keep_the_object_alive() {
        for value in [Value::new(7), Value::new(7).encoded(&Codec::default()).unwrap()] {
            let weak = value.downgrade();
            drop(value);
            assert!(weak.upgrade().is_none());
        }
    }

    #[test]
    fn a_weak_value_is_two_words_wide() {
        assert_eq!(size_of::<WeakValue>(), size_of::<Value>());
    }

    #[test]
    fn the_size_is_that_of_the_object_alone() {
        assert_eq!(Value::new([0_u64; 16]).shallow_size(), 128);
        assert_eq!(Value::new("x".repeat(5_000)).shallow_size(), size_of::<String>());
    }
}
