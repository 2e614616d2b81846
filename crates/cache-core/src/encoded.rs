//! A value as bytes, with room for the object that they decode to, so that it is decoded once per process.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use crate::codec::Codec;
use crate::error::Result;
use crate::value::Payload;

/// Bytes, and the object that was encoded or that the first reader decoded.
pub(crate) struct Encoded {
    pub(crate) payload: Payload,
    pub(crate) object: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl Encoded {
    pub(crate) fn new(payload: Payload) -> Self {
        Self {
            payload,
            object: OnceLock::new(),
        }
    }

    pub(crate) fn with_object(payload: Payload, object: Arc<dyn Any + Send + Sync>) -> Self {
        Self {
            payload,
            object: OnceLock::from(object),
        }
    }

    pub(crate) fn read<T: DeserializeOwned + Send + Sync + 'static>(&self, codec: &Codec) -> Result<Arc<T>> {
        if let Some(object) = self.object.get()
            && let Ok(object) = Arc::clone(object).downcast()
        {
            return Ok(object);
        }
        let object = Arc::new(codec.decode::<T>(&self.payload)?);
        // Another reader may have been first, perhaps with another type; its object stays, both are right.
        let kept = self
            .object
            .get_or_init(|| Arc::clone(&object) as Arc<dyn Any + Send + Sync>);
        Ok(Arc::clone(kept).downcast().unwrap_or(object))
    }
}
