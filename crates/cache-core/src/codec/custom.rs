//! Codecs of the user's own. The trait must be object-safe and serde's traits are not, hence the two wrappers.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserializer, Serialize, Serializer};

use super::CodecId;

type BoxError = Box<dyn Error + Send + Sync>;

/// A codec that this crate does not have.
///
/// ```
/// use bytes::Bytes;
/// use cache_core::codec::{Codec, CodecId, CustomCodec, Decodable, Encodable};
///
/// /// JSON with line breaks, for people who read it often.
/// #[derive(Debug)]
/// struct PrettyJson;
///
/// impl CustomCodec for PrettyJson {
///     fn id(&self) -> CodecId {
///         CodecId(128)
///     }
///     fn describes_itself(&self) -> bool {
///         true
///     }
///     fn encode(&self, value: Encodable<'_>) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(serde_json::to_vec_pretty(&value)?.into())
///     }
///     fn decode(&self, bytes: &[u8], target: Decodable<'_>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///         let mut deserializer = serde_json::Deserializer::from_slice(bytes);
///         target.deserialize(&mut deserializer)?;
///         Ok(deserializer.end()?)
///     }
/// }
///
/// let codec = Codec::custom(PrettyJson)?;
/// let payload = codec.encode(&vec![1, 2])?;
/// assert_eq!(&payload.bytes[..], b"[\n  1,\n  2\n]");
/// assert_eq!(codec.decode::<Vec<u8>>(&payload)?, [1, 2]);
/// # Ok::<_, cache_core::CacheError>(())
/// ```
pub trait CustomCodec: fmt::Debug + Send + Sync + 'static {
    /// Returns the number for the stored header, from 128 on.
    fn id(&self) -> CodecId;

    /// Says whether its bytes tell what they are, as those of JSON do. If not, a value is only ever read as the type
    /// that was stored.
    fn describes_itself(&self) -> bool;

    /// Encodes a value.
    ///
    /// # Errors
    /// Whatever keeps the value from being encoded.
    fn encode(&self, value: Encodable<'_>) -> Result<Bytes, BoxError>;

    /// Decodes bytes into the target. The bytes may be hostile: guard the depth if the format does not. The cause goes
    /// into logs: it must not quote the value.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being decoded.
    fn decode(&self, bytes: &[u8], target: Decodable<'_>) -> Result<(), BoxError>;
}

/// A value to encode. It implements [`Serialize`].
#[derive(Clone, Copy)]
pub struct Encodable<'a>(&'a dyn erased_serde::Serialize);

impl<'a> Encodable<'a> {
    pub(super) fn new<T: Serialize>(value: &'a T) -> Self {
        Self(value)
    }
}

impl Serialize for Encodable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(self.0, serializer)
    }
}

impl fmt::Debug for Encodable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encodable")
    }
}

/// Where a decoded value goes.
pub struct Decodable<'a>(&'a mut dyn Fill);

impl Decodable<'_> {
    /// Decodes the value with a deserializer of the format.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut erased = <dyn erased_serde::Deserializer<'_>>::erase(deserializer);
        self.0.fill(&mut erased).map_err(D::Error::custom)
    }
}

impl fmt::Debug for Decodable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decodable")
    }
}

trait Fill {
    fn fill(
        &mut self,
        deserializer: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), erased_serde::Error>;
}

impl<T: DeserializeOwned> Fill for Option<T> {
    fn fill(
        &mut self,
        deserializer: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), erased_serde::Error> {
        *self = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    }
}

/// Decodes with a custom codec, which may also forget to.
pub(super) fn decode<T: DeserializeOwned>(codec: &dyn CustomCodec, bytes: &[u8]) -> Result<T, BoxError> {
    let mut target = None;
    codec.decode(bytes, Decodable(&mut target))?;
    target.ok_or_else(|| "the codec did not fill its target".into())
}
