//! What can be given to a cache to store.

use serde::Serialize;

use crate::value::Value;

/// What [`Cache::set`](crate::Cache::set) takes: any object that serializes, or a [`Value`] made before.
///
/// To store an `Arc<T>` that others share, give `Value::shared(arc)`. Where the feature `rc` of serde is on, an `Arc<T>`
/// is itself an object that serializes: given as it is, it is stored as an `Arc<T>`, and every read as a `T` has to go
/// through the bytes.
pub trait IntoValue {
    /// Makes the value.
    fn into_value(self) -> Value;
}

impl<T: Serialize + Send + Sync + 'static> IntoValue for T {
    fn into_value(self) -> Value {
        Value::new(self)
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}
