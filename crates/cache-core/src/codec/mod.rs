//! Codecs: how objects become bytes and come back, with limits that hold before anything is decoded.

mod custom;
mod depth;
mod format;

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::custom::{CustomCodec, Decodable, Encodable};
use self::format::Format;
use crate::error::{CacheError, ErrorKind, Result};
use crate::fingerprint::TypeFingerprint;
use crate::negative;
use crate::value::Payload;

/// The number that names a codec in the stored header. Numbers from 128 are for [`CustomCodec`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodecId(pub u8);

impl CodecId {
    /// Bytes that another program wrote, without our header. The codec of the cache reads them.
    pub const PLAIN: Self = Self(0);
    /// JSON.
    pub const JSON: Self = Self(1);
    /// Postcard.
    pub const POSTCARD: Self = Self(2);
    /// MessagePack with field names.
    pub const MESSAGE_PACK: Self = Self(3);
    /// The answer of a loader that there is nothing. The payload is empty.
    pub const NOT_FOUND: Self = Self(4);
    /// The generation of a tag. The payload is its 8 bytes.
    pub const TAG: Self = Self(5);
}

impl fmt::Display for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PLAIN => f.write_str("plain"),
            Self::JSON => f.write_str("JSON"),
            Self::POSTCARD => f.write_str("postcard"),
            Self::MESSAGE_PACK => f.write_str("MessagePack"),
            Self::NOT_FOUND => f.write_str("the answer not found"),
            Self::TAG => f.write_str("the generation of a tag"),
            Self(other) => write!(f, "codec {other}"),
        }
    }
}

impl fmt::Debug for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecId({self})")
    }
}

/// How a cache encodes what it stores in bytes: JSON unless it is told otherwise.
///
/// Reading goes by the codec that the bytes name, as long as it is compiled in, so changing the codec of a cache
/// does not lose what is stored.
///
/// | codec | people can read it | survives added fields | feature |
/// |---|---|---|---|
/// | [`json`](Self::json) | yes | yes | none |
/// | `message_pack` | no | yes, fields are named | `message-pack` |
/// | `postcard` | no | no, a type mismatch at best | `postcard` |
#[derive(Clone, Debug)]
pub struct Codec {
    format: Format,
    max_len: usize,
}

impl Default for Codec {
    fn default() -> Self {
        Self::json()
    }
}

impl Codec {
    /// The longest encoded value unless the codec is told otherwise, in bytes: 64 MiB.
    pub const DEFAULT_MAX_LEN: usize = 64 * 1024 * 1024;

    /// Returns the JSON codec. Values nest at most 128 levels, as with every codec; one that nests deeper is stored, but
    /// not read. JSON has no NaN and no infinity: they become `null`.
    pub const fn json() -> Self {
        Self::from_format(Format::Json)
    }

    /// Returns the postcard codec: small and fast, for types that do not change.
    #[cfg(feature = "postcard")]
    pub const fn postcard() -> Self {
        Self::from_format(Format::Postcard)
    }

    /// Returns the MessagePack codec with field names: small, and it survives added fields.
    #[cfg(feature = "message-pack")]
    pub const fn message_pack() -> Self {
        Self::from_format(Format::MessagePack)
    }

    /// Returns a codec of your own.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if its number is one of those below 128, which are ours.
    pub fn custom(codec: impl CustomCodec) -> Result<Self> {
        if codec.id().0 < 128 {
            let message = format!("the codec has the number {}; take one from 128 on", codec.id().0);
            return Err(CacheError::new(ErrorKind::InvalidConfig, message));
        }
        Ok(Self::from_format(Format::Custom(Arc::new(codec))))
    }

    /// Sets the longest encoded value in bytes, for both directions.
    #[must_use]
    pub const fn with_max_len(mut self, max_len: usize) -> Self {
        self.max_len = max_len;
        self
    }

    /// Returns the number that stands in the stored header.
    pub fn id(&self) -> CodecId {
        self.format.id()
    }

    /// Encodes a value.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] if the value refuses, [`ErrorKind::ValueTooLarge`] above the limit.
    pub fn encode<T: Serialize>(&self, value: &T) -> Result<Payload> {
        let bytes = self.format.encode(value).map_err(|cause| {
            let message = format!(
                "a value of type {} does not encode as {}; change the type (the cause says what is in the way) or set a \
                 codec that can",
                type_name::<T>(),
                self.id()
            );
            CacheError::new(ErrorKind::Encode, message).with_source(cause)
        })?;
        self.check_len(bytes.len())?;
        Ok(Payload {
            bytes,
            codec: self.id(),
            type_fingerprint: TypeFingerprint::of::<T>(),
        })
    }

    /// Decodes a value with the codec that the payload names.
    ///
    /// # Errors
    /// [`ErrorKind::ValueTooLarge`] above the limit, before anything is decoded. [`ErrorKind::TypeMismatch`] if
    /// another type was encoded and the bytes do not read as a `T`; codecs that do not describe themselves do not
    /// even try. [`ErrorKind::Decode`] for all else that does not decode.
    pub fn decode<T: DeserializeOwned>(&self, payload: &Payload) -> Result<T> {
        self.check_len(payload.bytes.len())?;
        let format = self.format_of(payload.codec)?;
        let same_type = payload.type_fingerprint.admits::<T>();
        if !same_type && !format.describes_itself() {
            return Err(mismatch::<T>(payload.codec));
        }
        format.decode(&payload.bytes).map_err(|cause| {
            if same_type {
                let message = format!(
                    "the stored {} does not decode as {}; delete the key or store it again, the type has changed or \
                     the bytes are damaged",
                    payload.codec,
                    type_name::<T>()
                );
                CacheError::new(ErrorKind::Decode, message).with_source(cause)
            } else {
                mismatch::<T>(payload.codec).with_source(cause)
            }
        })
    }

    const fn from_format(format: Format) -> Self {
        Self {
            format,
            max_len: Self::DEFAULT_MAX_LEN,
        }
    }

    /// Returns the format that reads bytes of this codec.
    fn format_of(&self, id: CodecId) -> Result<Format> {
        if id == self.id() || id == CodecId::PLAIN {
            return Ok(self.format.clone());
        }
        match id {
            CodecId::JSON => Ok(Format::Json),
            #[cfg(feature = "postcard")]
            CodecId::POSTCARD => Ok(Format::Postcard),
            #[cfg(feature = "message-pack")]
            CodecId::MESSAGE_PACK => Ok(Format::MessagePack),
            CodecId::NOT_FOUND => Err(negative::is_not_found()),
            unknown => Err(CacheError::new(
                ErrorKind::Decode,
                format!(
                    "the value is stored as {unknown}, which is not here; enable its feature, or set the codec"
                ),
            )),
        }
    }

    fn check_len(&self, len: usize) -> Result<()> {
        if len <= self.max_len {
            return Ok(());
        }
        let message = format!(
            "the encoded value has {len} bytes, the limit is {}; raise Codec::with_max_len",
            self.max_len
        );
        Err(CacheError::new(ErrorKind::ValueTooLarge, message))
    }
}

fn mismatch<T>(codec: CodecId) -> CacheError {
    CacheError::new(
        ErrorKind::TypeMismatch,
        format!(
            "the {codec} was stored from another type and does not read as {}; ask for the stored type",
            type_name::<T>()
        ),
    )
}
