//! What a backend stores and returns: the caller's object, its encoded bytes, or both. It exists so that a memory
//! cache never encodes, a server cache encodes once, and a value that came as bytes is decoded once per process.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Codec, CodecId};
use crate::encoded::Encoded;
use crate::error::{CacheError, ErrorKind, Result};
use crate::fingerprint::TypeFingerprint;
use crate::negative::{self, NotFound};
use crate::tags::Tag;

/// A value that is cheap to clone: two words, one of them a reference count.
#[derive(Clone)]
pub struct Value(Repr);

/// Two words wide, since it stands in every entry of a memory cache. A form that held an object and room for its bytes
/// would cost every entry 48 bytes and every hit a second reference count (`BENCHMARKS.md`).
#[derive(Clone)]
pub(crate) enum Repr {
    /// As the caller gave it.
    Object(Arc<dyn Object>),
    /// In a box, whatever it is: two words tell only two forms apart.
    Boxed(Arc<Boxed>),
}

/// The rarer forms of a value.
pub(crate) enum Boxed {
    /// As bytes, with room for the object.
    Encoded(Encoded),
    /// Another value, which is not tagged itself, and the tags of the entry that it stands in.
    Tagged(Value, Box<[Tag]>),
}

/// The encoded form of a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The bytes that the codec made.
    pub bytes: Bytes,
    /// The codec that made them.
    pub codec: CodecId,
    /// The type that was encoded.
    pub type_fingerprint: TypeFingerprint,
}

/// Prints how long the bytes are, never the bytes: they may be a secret.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({}, {} bytes)", self.codec, self.bytes.len())
    }
}

/// What remains known of an object once its type is forgotten.
pub(crate) trait Object: Any + Send + Sync {
    fn encode(&self, codec: &Codec) -> Result<Payload>;
    fn type_name(&self) -> &'static str;
}

impl<T: Serialize + Send + Sync + 'static> Object for T {
    fn encode(&self, codec: &Codec) -> Result<Payload> {
        codec.encode(self)
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }
}

impl Value {
    /// Makes a value from an object. Nothing is encoded.
    pub fn new<T: Serialize + Send + Sync + 'static>(object: T) -> Self {
        Self::shared(Arc::new(object))
    }

    /// Makes a value from a shared object. Nothing is copied or encoded; a memory cache hands out this very `Arc`.
    pub fn shared<T: Serialize + Send + Sync + 'static>(object: Arc<T>) -> Self {
        Self(Repr::Object(object))
    }

    /// Makes a value from bytes that a codec made. Nothing is decoded.
    pub fn from_payload(payload: Payload) -> Self {
        Self::boxed(Boxed::Encoded(Encoded::new(payload)))
    }

    fn boxed(boxed: Boxed) -> Self {
        Self(Repr::Boxed(Arc::new(boxed)))
    }

    /// Gives the entry that this value stands in these tags, in the place of others. They are kept here so that entries
    /// without tags have no room for them.
    pub(crate) fn with_tags(self, tags: Box<[Tag]>) -> Self {
        let untagged = self.untagged().clone();
        if tags.is_empty() {
            return untagged;
        }
        Self::boxed(Boxed::Tagged(untagged, tags))
    }

    #[inline]
    pub(crate) fn tags(&self) -> &[Tag] {
        match &self.0 {
            Repr::Object(_) => &[],
            Repr::Boxed(boxed) => match &**boxed {
                Boxed::Encoded(_) => &[],
                Boxed::Tagged(_, tags) => tags,
            },
        }
    }

    fn untagged(&self) -> &Self {
        if let Repr::Boxed(boxed) = &self.0
            && let Boxed::Tagged(value, _) = &**boxed
        {
            return value;
        }
        self
    }

    #[inline]
    pub(crate) fn from_repr(repr: Repr) -> Self {
        Self(repr)
    }

    #[inline]
    pub(crate) fn repr(&self) -> &Repr {
        &self.0
    }

    /// Makes the value that stands for the answer of a loader that there is nothing. No type reads it.
    pub fn not_found() -> Self {
        Self::new(NotFound)
    }

    /// Says whether this is the answer of a loader that there is nothing.
    pub fn is_not_found(&self) -> bool {
        match &self.0 {
            Repr::Object(_) => self.downcast_ref::<NotFound>().is_some(),
            Repr::Boxed(boxed) => match &**boxed {
                Boxed::Encoded(encoded) => encoded.payload.codec == CodecId::NOT_FOUND,
                Boxed::Tagged(value, _) => value.is_not_found(),
            },
        }
    }

    /// Returns the object as a `T`.
    ///
    /// If the value holds a `T`, this is a check of the type. If it holds bytes, they are decoded, and the object is
    /// kept for the next reader of any clone of this value. If it holds an object of another type, that is encoded
    /// and decoded again, each time, so that the answer is the one that a server would give.
    ///
    /// # Errors
    /// [`ErrorKind::TypeMismatch`] if the value was stored as another type and does not read as a `T`,
    /// [`ErrorKind::Decode`] if it was stored as a `T` and its bytes do not decode, [`ErrorKind::Encode`] if it holds
    /// an object of another type that does not encode, [`ErrorKind::NotFound`] if it is [`not_found`](Self::not_found).
    #[inline]
    pub fn read<T>(self, codec: &Codec) -> Result<Arc<T>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        match self.0 {
            Repr::Object(object) => {
                let any: &dyn Any = &*object;
                if any.is::<T>() {
                    downcast(object)
                } else {
                    convert(&*object, codec)
                }
            }
            Repr::Boxed(boxed) => match &*boxed {
                Boxed::Encoded(encoded) => encoded.read(codec),
                Boxed::Tagged(value, _) => value.clone().read(codec),
            },
        }
    }

    /// Returns the encoded form, which is made now unless the value holds it.
    ///
    /// Whoever needs the bytes more than once keeps the value that [`encoded`](Self::encoded) returns.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if the object does not encode, [`ErrorKind::ValueTooLarge`] above the limit of the codec.
    pub fn payload(&self, codec: &Codec) -> Result<Payload> {
        match &self.0 {
            Repr::Object(_) if self.is_not_found() => Ok(negative::payload()),
            Repr::Object(object) => object.encode(codec),
            Repr::Boxed(boxed) => match &**boxed {
                Boxed::Encoded(encoded) => Ok(encoded.payload.clone()),
                Boxed::Tagged(value, _) => value.payload(codec),
            },
        }
    }

    /// Returns the value holding both forms: the object, if there is one, and its bytes.
    ///
    /// # Errors
    /// As [`payload`](Self::payload).
    pub fn encoded(self, codec: &Codec) -> Result<Self> {
        match &self.0 {
            Repr::Object(_) if self.is_not_found() => Ok(Self::from_payload(negative::payload())),
            Repr::Object(object) => {
                let payload = object.encode(codec)?;
                let object: Arc<dyn Any + Send + Sync> = Arc::clone(object) as _;
                Ok(Self::boxed(Boxed::Encoded(Encoded::with_object(payload, object))))
            }
            Repr::Boxed(boxed) => match &**boxed {
                Boxed::Encoded(_) => Ok(self),
                Boxed::Tagged(value, tags) => Ok(value.clone().encoded(codec)?.with_tags(tags.clone())),
            },
        }
    }

    /// Returns the object if the value holds one of type `T`, without decoding. Weighers use it.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        match &self.0 {
            Repr::Object(object) => {
                let any: &dyn Any = &**object;
                any.downcast_ref()
            }
            Repr::Boxed(boxed) => match &**boxed {
                Boxed::Encoded(encoded) => encoded.object.get()?.downcast_ref(),
                Boxed::Tagged(value, _) => value.downcast_ref(),
            },
        }
    }

    /// Returns the encoded form if the value holds it.
    pub(crate) fn encoded_payload(&self) -> Option<&Payload> {
        match &self.untagged().0 {
            Repr::Boxed(boxed) => match &**boxed {
                Boxed::Encoded(encoded) => Some(&encoded.payload),
                Boxed::Tagged(..) => None,
            },
            Repr::Object(_) => None,
        }
    }

    /// Returns the length of the encoded form in bytes if the value holds it.
    pub fn encoded_len(&self) -> Option<usize> {
        self.encoded_payload().map(|payload| payload.bytes.len())
    }
}

/// Takes the object as what it was just found to be.
#[inline]
fn downcast<T: Send + Sync + 'static>(object: Arc<dyn Object>) -> Result<Arc<T>> {
    let any: Arc<dyn Any + Send + Sync> = object;
    any.downcast().map_err(|_| mismatch::<T>("another type"))
}

#[cold]
fn convert<T: DeserializeOwned>(object: &dyn Object, codec: &Codec) -> Result<Arc<T>> {
    let any: &dyn Any = object;
    if any.is::<NotFound>() {
        return Err(negative::is_not_found());
    }
    let payload = object.encode(codec)?;
    codec
        .decode(&payload)
        .map(Arc::new)
        .map_err(|cause| mismatch::<T>(object.type_name()).with_source(cause))
}

fn mismatch<T>(stored: &str) -> CacheError {
    CacheError::new(
        ErrorKind::TypeMismatch,
        format!(
            "the value was stored as {stored} and does not read as {}; ask for the stored type",
            type_name::<T>()
        ),
    )
}

/// Prints which form the value holds, never the value: it may be a secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Object(object) => write!(f, "Value::Object({})", object.type_name()),
            Repr::Boxed(boxed) => match &**boxed {
                Boxed::Encoded(Encoded { payload, .. }) => {
                    write!(
                        f,
                        "Value::Encoded({}, {} bytes)",
                        payload.codec,
                        payload.bytes.len()
                    )
                }
                Boxed::Tagged(value, tags) => write!(f, "{value:?} with {} tags", tags.len()),
            },
        }
    }
}
